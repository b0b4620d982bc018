-- Has no function: suites find the real pgTAP in their databases before the schema is loaded.

do $none$ begin end $none$;
