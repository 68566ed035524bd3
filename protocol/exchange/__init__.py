"""How two nodes talk: signatures, envelopes, messages, consent, evidence."""
