select plan(1;
