"""What is wrong with a schema that nobody said anything about: findings, each executed."""
