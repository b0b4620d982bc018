"""Extensions: which a server has for real, which the engine stands in for, which nobody has."""
