"""The promise of mailbox, epoch, write-ahead and unknown send as a model, and all of its states."""
