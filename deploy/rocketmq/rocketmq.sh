#!/usr/bin/env bash
# RocketMQ 5.5.0 on one machine: a name server, and a broker with its proxy in one JVM.
#
#   rocketmq.sh fetch   the jars from Maven Central (102 MB, once)
#   rocketmq.sh run     both, in the foreground, until this script is ended; SIGTERM ends them in good order
#
# The proxy's ports listen on all interfaces; keep them behind a firewall. The others are bound to 127.0.0.1.
#
#   EIGHTYSIX_ROCKETMQ_RUN    run folder: configuration, store, logs          (default: run, beside this script)
#   EIGHTYSIX_ROCKETMQ_LIB    the jars                                        (default: lib, beside this script)
#   EIGHTYSIX_ROCKETMQ_PORTS  gRPC, name server, broker, its high availability, the proxy's remoting
#                                                                             (default: "8081 9876 10911 10912 8080")
#   EIGHTYSIX_ROCKETMQ_JAVA_OPTS  of the broker with its proxy (default: -Xms512m -Xmx512m -XX:+UseG1GC)
set -euo pipefail
here=$(cd "$(dirname "$(readlink -f "$0")")" && pwd)
run=$(realpath -m "${EIGHTYSIX_ROCKETMQ_RUN:-$here/run}")
lib=$(realpath -m "${EIGHTYSIX_ROCKETMQ_LIB:-$here/lib}")
read -r grpc names broker ha remoting <<<"${EIGHTYSIX_ROCKETMQ_PORTS:-8081 9876 10911 10912 8080}"

fetch() {
  if compgen -G "$lib/rocketmq-proxy-*.jar" >/dev/null && [ ! -e "$lib/.fetching" ]; then return; fi
  mkdir -p "$lib"
  touch "$lib/.fetching"
  mvn -q -B -f "$here/pom.xml" dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory="$lib"
  rm "$lib/.fetching"
}

configure() {
  mkdir -p "$run/conf"
  for file in "$here"/conf/*; do
    sed -e "s|@RUN@|$run|g" -e "s|@GRPC@|$grpc|g" -e "s|@NAMES@|$names|g" -e "s|@BROKER@|$broker|g" \
        -e "s|@HA@|$ha|g" -e "s|@REMOTING@|$remoting|g" "$file" >"$run/conf/$(basename "$file")"
  done
}

# Its libraries write below the user's home folder unless they are told of another.
java_with() {
  exec java -Duser.home="$run" -Djava.awt.headless=true -XX:-UsePerfData -cp "$lib/*" "$@"
}

run() {
  fetch
  configure
  export ROCKETMQ_HOME=$run
  cd "$run"
  (java_with -Xms32m -Xmx96m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 \
    -Drmq.logback.configurationFile=rmq.namesrv.logback.xml \
    org.apache.rocketmq.namesrv.NamesrvStartup -c "$run/conf/namesrv.conf") &
  names_pid=$!
  # A broker that doesn't find it at once tries again after 30 s.
  for _ in $(seq 600); do
    (: <"/dev/tcp/127.0.0.1/$names") 2>/dev/null && break
    kill -0 "$names_pid" 2>/dev/null || exit 1
    sleep 0.1
  done
  # shellcheck disable=SC2086 # several options are meant to be several words
  (java_with ${EIGHTYSIX_ROCKETMQ_JAVA_OPTS:--Xms512m -Xmx512m -XX:+UseG1GC} -XX:MaxDirectMemorySize=512m \
    -Drocketmq.broker.diskSpaceWarningLevelRatio=0.98 -Drmq.logback.configurationFile=rmq.proxy.logback.xml \
    org.apache.rocketmq.proxy.ProxyStartup -n "127.0.0.1:$names" -pm local \
    -bc "$run/conf/broker.conf" -pc "$run/conf/rmq-proxy.json") &
  broker_pid=$!
  trap 'end; exit 0' TERM INT
  wait -n "$names_pid" "$broker_pid" || true
  echo "one of the two has ended" >&2
  end
  exit 1
}

# The broker first: it says good-bye to the name server.
end() {
  trap '' TERM INT
  kill "$broker_pid" 2>/dev/null || true
  wait "$broker_pid" || true
  kill "$names_pid" 2>/dev/null || true
  wait "$names_pid" || true
}

case "${1:-}" in
  fetch) fetch ;;
  run) run ;;
  *) sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "$0"; exit 2 ;;
esac
