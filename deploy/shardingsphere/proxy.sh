#!/usr/bin/env bash
# ShardingSphere-Proxy 5.1.0 in front of one MariaDB or MySQL server with the databases NAME_0 and NAME_1.
#
#   proxy.sh fetch                          the jars from Maven Central (68 MB, once)
#   proxy.sh start BACKEND_PORT PROXY_PORT  in the background; returns when it accepts connections
#   proxy.sh stop                           ends the one that `start` began in the same run folder
#
# The physical tables must exist before `start`: the proxy reads their columns once (later: REFRESH TABLE METADATA).
# It listens on all interfaces; 5.1 can't be told otherwise, so keep its port behind a firewall.
#
#   EIGHTYSIX_PROXY_RUN       run folder: configuration, log, pid        (default: run, beside this script)
#   EIGHTYSIX_PROXY_LIB       the jars                                   (default: lib, beside this script)
#   EIGHTYSIX_PROXY_DATABASE  NAME, also the logical database's name     (default: eightysix)
#   EIGHTYSIX_PROXY_USER, EIGHTYSIX_PROXY_PASSWORD      for clients      (default: eightysix, eightysix)
#   EIGHTYSIX_BACKEND_HOST    where the server is                        (default: 127.0.0.1)
#   EIGHTYSIX_BACKEND_USER, EIGHTYSIX_BACKEND_PASSWORD  for the server   (default: eightysix, eightysix)
#   EIGHTYSIX_BACKEND_KIND    mariadb or mysql: names of session variables (default: mariadb)
#   EIGHTYSIX_PROXY_JAVA_OPTS                                            (default: -Xms256m -Xmx512m -XX:+UseParallelGC)
set -euo pipefail
here=$(cd "$(dirname "$(readlink -f "$0")")" && pwd)
run=$(realpath -m "${EIGHTYSIX_PROXY_RUN:-$here/run}")
lib=$(realpath -m "${EIGHTYSIX_PROXY_LIB:-$here/lib}")

alive() { [ -f "$run/pid" ] && grep -qaF "$run/conf" "/proc/$(cat "$run/pid")/cmdline" 2>/dev/null; }

fetch() {
  [ -f "$lib/.complete" ] && return
  mkdir -p "$lib"
  mvn -q -B -f "$here/pom.xml" dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory="$lib"
  touch "$lib/.complete"
}

# A value as the replacement of sed's s|||, so that passwords may hold any character but a newline.
quoted() { printf '%s' "$1" | sed 's/[\\&|]/\\&/g'; }

configure() {
  local session="innodb_lock_wait_timeout%3D1,idle_transaction_timeout%3D5,tx_isolation%3D'READ-COMMITTED'"
  if [ "${EIGHTYSIX_BACKEND_KIND:-mariadb}" = mysql ]; then
    session="innodb_lock_wait_timeout%3D1,transaction_isolation%3D'READ-COMMITTED'"
  fi
  mkdir -p "$run/conf"
  (umask 077
  for file in "$here"/conf-5.1/*; do
    sed -e "s|@BACKEND@|$(quoted "${EIGHTYSIX_BACKEND_HOST:-127.0.0.1}:$1")|g" \
        -e "s|@DATABASE@|$(quoted "${EIGHTYSIX_PROXY_DATABASE:-eightysix}")|g" \
        -e "s|@SESSION@|$(quoted "$session")|g" \
        -e "s|@USER@|$(quoted "${EIGHTYSIX_BACKEND_USER:-eightysix}")|g" \
        -e "s|@PASSWORD@|$(quoted "${EIGHTYSIX_BACKEND_PASSWORD-eightysix}")|g" \
        -e "s|@PROXY_USER@|$(quoted "${EIGHTYSIX_PROXY_USER:-eightysix}")|g" \
        -e "s|@PROXY_PASSWORD@|$(quoted "${EIGHTYSIX_PROXY_PASSWORD:-eightysix}")|g" \
        "$file" > "$run/conf/$(basename "$file")"
  done)
}

start() {
  if alive; then echo "already running, pid $(cat "$run/pid")"; return; fi
  fetch
  configure "$1"
  cd "$run"  # its transaction manager writes a folder "logs" to where it stands
  # shellcheck disable=SC2086 # several options are meant to be several words
  setsid java ${EIGHTYSIX_PROXY_JAVA_OPTS:--Xms256m -Xmx512m -XX:+UseParallelGC} -Djava.awt.headless=true \
    -cp "$run/conf:$lib/*" org.apache.shardingsphere.proxy.Bootstrap "$2" "$run/conf" \
    > "$run/proxy.log" 2>&1 < /dev/null &
  echo $! > "$run/pid"
  for _ in $(seq 1 360); do
    if grep -q "started successfully" "$run/proxy.log"; then echo "proxy on port $2, pid $(cat "$run/pid")"; return; fi
    kill -0 "$(cat "$run/pid")" 2>/dev/null || break
    sleep 0.25
  done
  echo "the proxy did not start:" >&2
  grep -m3 -E 'Exception|Caused' "$run/proxy.log" >&2 || tail -20 "$run/proxy.log" >&2
  stop
  exit 1
}

stop() {
  if alive; then
    pid=$(cat "$run/pid")
    kill "$pid"
    for _ in $(seq 1 40); do alive || break; sleep 0.25; done
    if alive; then kill -9 "$pid"; fi
  fi
  rm -f "$run/pid"
}

case "${1:-}" in
  fetch) fetch ;;
  start) start "${2:?BACKEND_PORT}" "${3:?PROXY_PORT}" ;;
  stop) stop ;;
  *) sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "$0"; exit 2 ;;
esac
