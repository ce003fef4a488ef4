"""The store of conversations: log, actors' states, their sends, and the contract's two tables as projections.

write.py        one conversation's write, and its outcome
append.py       writes in groups: all or nothing for each conversation, under the partitions' epochs
load.py         actors by key; which are open, which are due
lookups.py      what a message needs beyond the state: ids seen, sends, quoted texts, the newest messages
ownership.py    who owns a partition
publication.py  what Kafka does not have yet
ids.py          ids of rows, reserved in blocks
rows.py         what is read, as values
"""
