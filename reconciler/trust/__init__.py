"""WHO SIGNED WHAT: statements, signatures, signers and the policy that decides. Only ``tool`` starts a program."""
