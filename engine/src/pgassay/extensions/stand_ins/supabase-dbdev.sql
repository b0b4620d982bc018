-- Installs nothing: of its packages, those that have a stand-in are there.

create schema dbdev;

create function dbdev.install(package_name text) returns boolean
language sql
as $$ select true $$;
