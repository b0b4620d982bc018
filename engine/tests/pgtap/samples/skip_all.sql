select '1..0 # SKIP no such platform';
