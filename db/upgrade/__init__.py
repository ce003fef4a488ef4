"""From the build whose rules were functions of Postgres to this one: schema version 0023 to 0024.

fence.py   no process of that build owns a partition any more; waits for what it has under way
read.py    its rows, as values for the rules
move.py    all of it in one transaction
values.py  what a conversation becomes

What becomes of a conversation is decided elsewhere (`rules/upgrade`), and handed in.
"""
