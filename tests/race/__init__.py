"""Several client processes on one database at once: nothing is sold twice, and without its guards it would be.

`crew` keeps the processes, `client` is what each of them runs, `message` what they are told and answer. A `teller` asks
one kind of service: an engine in the process (`engine_teller`, where `guard` can take guards out), a served API
(`http_teller`), or the hand-written service whose flaws are those of real shops (`careless`). `load` has the loads,
the same for all of them; `arena` the databases; `verdict` what the books must say afterwards.
"""
