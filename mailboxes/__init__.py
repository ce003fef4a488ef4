"""Actors per key over a partitioned log; see README.md."""
