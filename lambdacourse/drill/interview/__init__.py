"""The mock interview: clarify, estimate, design, deep dive, wrap up, against the clock; then a scorecard.

scenario    what an interview is about: ``scenarios/*.toml``, one schema
systems     what a design does: the simulator and the bill behind the knobs
record      what was said, kept after every answer
interview   the engine, from the first question to the last
scorecard   what was said against the rubric, and what comes back as cards
terminal    a face of it

"""
