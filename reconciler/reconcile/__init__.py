"""THE PASS: read, resolve, decide, commit, notify the gateway. The only room that goes from room to room."""
