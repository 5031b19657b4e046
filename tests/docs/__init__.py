"""The documents are run and compared with the program, so that they stay true."""
