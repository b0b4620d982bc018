-- Keeps shapes as the text that they were given as, and computes with points, lines and polygons without holes, on a
-- plane or a sphere. Anything else raises 0A000. Indexes are made, and serve nothing.

-- Two types that compare as bytes do. Of an index of GiST a key is a number that nobody reads: no operator is in the
-- class, so no query asks it, and what sorts numbers of 64 bits into pages does so with any. A modifier is any list of
-- words: what is built in counts its dimensions.
do $$
declare
    type text;
begin
    foreach type in array array['geometry', 'geography'] loop
        execute pg_catalog.replace($create$
            create type geometry;
            create function geometry_in(cstring) returns geometry language internal immutable strict as 'textin';
            create function geometry_out(geometry) returns cstring language internal immutable strict as 'textout';
            create function geometry_recv(internal) returns geometry language internal immutable strict as 'textrecv';
            create function geometry_send(geometry) returns bytea language internal immutable strict as 'textsend';
            create function geometry_typmod_in(cstring[]) returns integer
            language internal immutable strict as 'array_ndims';
            create function geometry_typmod_out(integer) returns cstring
            language internal immutable strict as 'varchartypmodout';
            create type geometry (
                input = geometry_in, output = geometry_out, receive = geometry_recv, send = geometry_send,
                typmod_in = geometry_typmod_in, typmod_out = geometry_typmod_out, storage = extended
            );
            create function geometry_eq(geometry, geometry) returns boolean
            language internal immutable strict as 'byteaeq';
            create function geometry_lt(geometry, geometry) returns boolean
            language internal immutable strict as 'bytealt';
            create function geometry_le(geometry, geometry) returns boolean
            language internal immutable strict as 'byteale';
            create function geometry_ge(geometry, geometry) returns boolean
            language internal immutable strict as 'byteage';
            create function geometry_gt(geometry, geometry) returns boolean
            language internal immutable strict as 'byteagt';
            create function geometry_cmp(geometry, geometry) returns integer
            language internal immutable strict as 'byteacmp';
            create function geometry_hash(geometry) returns integer
            language internal immutable strict as 'hashvarlena';
            create operator = (
                leftarg = geometry, rightarg = geometry, function = geometry_eq, commutator = =, restrict = eqsel,
                join = eqjoinsel, hashes, merges
            );
            create operator < (leftarg = geometry, rightarg = geometry, function = geometry_lt);
            create operator <= (leftarg = geometry, rightarg = geometry, function = geometry_le);
            create operator >= (leftarg = geometry, rightarg = geometry, function = geometry_ge);
            create operator > (leftarg = geometry, rightarg = geometry, function = geometry_gt);
            create operator class btree_geometry_ops default for type geometry using btree as
            operator 1 <, operator 2 <=, operator 3 =, operator 4 >=, operator 5 >,
            function 1 geometry_cmp(geometry, geometry);
            create operator class hash_geometry_ops default for type geometry using hash as
            operator 1 =, function 1 geometry_hash(geometry);
            create operator class gist_geometry_ops default for type geometry using gist as storage bigint,
            function 1 gtsquery_consistent(internal, tsquery, smallint, oid, internal),
            function 2 gtsquery_union(internal, internal),
            function 3 int8up(bigint),
            function 5 gtsquery_penalty(internal, internal, internal),
            function 6 gtsquery_picksplit(internal, internal),
            function 7 gtsquery_same(bigint, bigint, internal);
        $create$, 'geometry', type);
    end loop;
end
$$;

alter operator class gist_geometry_ops using gist rename to gist_geometry_ops_2d; -- noqa: PRS

create domain box2d as geometry;
create domain box3d as geometry;
create type geometry_dump as (path integer [], geom geometry);

create cast (geometry as text) without function as implicit;
create cast (text as geometry) without function as implicit;
create cast (geography as text) without function as assignment;
create cast (text as geography) without function as assignment;
create cast (geometry as geography) without function as implicit;
create cast (geography as geometry) without function;

-- Reading

-- Volatile, or the planner would call it where it is never reached.
create function postgis_cannot(what text) returns text
language plpgsql
as $$
begin
    raise exception 'the stand-in of postgis cannot compute %', what using errcode = 'feature_not_supported';
end
$$;

create function geometrytype(geometry) returns text language sql immutable strict return
case
    when $1::text ~ '^0[01][0-9A-Fa-f]+$' then postgis_cannot('with binary shapes')
    else upper(substring($1::text from '^(?:SRID=\d+;)?\s*([A-Za-z]+)'))
end;

create function st_geometrytype(geometry) returns text language sql immutable strict return
'ST_' || (array[
    'Point', 'LineString', 'Polygon', 'MultiPoint', 'MultiLineString', 'MultiPolygon', 'GeometryCollection'
])[array_position(array[
    'POINT', 'LINESTRING', 'POLYGON', 'MULTIPOINT', 'MULTILINESTRING', 'MULTIPOLYGON', 'GEOMETRYCOLLECTION'
], geometrytype($1))];

create function st_srid(geometry) returns integer language sql immutable strict return
coalesce(substring($1::text from '^SRID=(\d+);')::integer, 0);
create function st_srid(geography) returns integer language sql immutable strict return
coalesce(substring($1::text from '^SRID=(\d+);')::integer, 4326);

create function st_astext(geometry) returns text language sql immutable strict return
regexp_replace(
    regexp_replace(geometrytype($1) || substring($1::text from '\(.*'), '\s+', ' ', 'g'), ' ?([(),]) ?', '\1', 'g'
);
create function st_astext(geography) returns text language sql immutable strict return st_astext($1::geometry);
create function st_asewkt(geometry) returns text language sql immutable strict return
case when st_srid($1) = 0 then '' else pg_catalog.format('SRID=%s;', st_srid($1)) end || st_astext($1);
create function st_asewkt(geography) returns text
language sql immutable strict return pg_catalog.format('SRID=%s;', st_srid($1)) || st_astext($1);

create function postgis_corners(geometry) returns point [] language sql immutable strict return
array(
    select point(corner[1]::double precision, corner[2]::double precision)
    from regexp_matches($1::text, '(-?[\d.]+(?:[eE][-+]?\d+)?)\s+(-?[\d.]+(?:[eE][-+]?\d+)?)[^,()]*', 'g')
    with ordinality as matches (corner, number)
    order by number
);

-- A closed path, of one corner for a point; of a line, there and back.
create function postgis_path(geometry) returns path language sql immutable strict return
case
    when geometrytype($1) in ('POINT', 'LINESTRING', 'POLYGON') and $1::text !~ '\(.*\(.*\(' then (
        select pg_catalog.format('(%s)', string_agg(corner::text, ',' order by number))::path
        from (
            select corner, number from unnest(postgis_corners($1)) with ordinality as there (corner, number)
            union all
            select corner, 2 * cardinality(postgis_corners($1)) - number
            from unnest(postgis_corners($1)) with ordinality as back (corner, number)
            where geometrytype($1) = 'LINESTRING'
        ) as corners
    )
    else postgis_cannot(pg_catalog.format('with %s', left(st_astext($1), 40)))::path
end;

create function st_x(geometry) returns double precision language sql immutable strict return
case geometrytype($1) when 'POINT' then ((postgis_corners($1))[1])[0] end;
create function st_y(geometry) returns double precision language sql immutable strict return
case geometrytype($1) when 'POINT' then ((postgis_corners($1))[1])[1] end;
create function st_asgeojson(geometry, maxdecimaldigits integer default 9, options integer default 8) returns text
language sql immutable strict return json_build_object('type', substring(st_geometrytype($1) from 4), 'coordinates', regexp_replace(
    translate(
        regexp_replace(substring(st_astext($1) from '\(.*'), '([^,() ]+) ([^,() ]+)[^,()]*', '[\1,\2]', 'g'), '()', '[]'
    ),
    case geometrytype($1) when 'POINT' then '^\[(.*)\]$' else '$' end,
    case geometrytype($1) when 'POINT' then '\1' else '' end
)::json)::text;
create function st_asgeojson(geography, maxdecimaldigits integer default 9, options integer default 0) returns text
language sql immutable strict return st_asgeojson($1::geometry);

-- Making

create function st_setsrid(geometry, integer) returns geometry language sql immutable strict return (
    case $2 when 0 then '' else pg_catalog.format('SRID=%s;', $2) end || regexp_replace($1::text, '^SRID=\d+;', '')
)::geometry;
create function st_geomfromtext(text, integer default 0) returns geometry
language sql immutable strict return st_setsrid($1::geometry, $2);
create function st_geomfromewkt(text) returns geometry language sql immutable strict return $1::geometry;
create function st_pointfromtext(text, integer default 0) returns geometry
language sql immutable strict return st_setsrid($1::geometry, $2);
create function st_geogfromtext(text) returns geography language sql immutable strict return $1::geography;
create function st_geographyfromtext(text) returns geography language sql immutable strict return $1::geography;
create function st_makepoint(double precision, double precision) returns geometry
language sql immutable strict return pg_catalog.format('POINT(%s %s)', $1, $2)::geometry;
create function st_makepoint(double precision, double precision, double precision) returns geometry
language sql immutable strict return pg_catalog.format('POINT Z (%s %s %s)', $1, $2, $3)::geometry;
create function st_point(double precision, double precision) returns geometry
language sql immutable strict return pg_catalog.format('POINT(%s %s)', $1, $2)::geometry;
create function st_point(double precision, double precision, srid integer) returns geometry
language sql immutable strict return pg_catalog.format('SRID=%s;POINT(%s %s)', srid, $1, $2)::geometry;
create function st_makeenvelope(
    double precision, double precision, double precision, double precision, integer default 0
) returns geometry language sql immutable strict return
st_setsrid(
    pg_catalog.format('POLYGON((%1$s %2$s,%1$s %4$s,%3$s %4$s,%3$s %2$s,%1$s %2$s))', $1, $2, $3, $4)::geometry, $5
);
create function st_geomfromgeojson(text) returns geometry language sql immutable strict return
pg_catalog.format('SRID=4326;%s%s', upper($1::json ->> 'type'), regexp_replace(
    translate(
        regexp_replace(
            $1::json ->> 'coordinates', '\[\s*([^][, ]+)\s*,\s*([^][, ]+)\s*(?:,\s*[^][]*)?\]', '\1 \2', 'g'
        ), '[]', '()'
    ), '^([^()]*)$', '(\1)'
))::geometry;
create function st_geomfromgeojson(json) returns geometry
language sql immutable strict return st_geomfromgeojson($1::text);
create function st_geomfromgeojson(jsonb) returns geometry
language sql immutable strict return st_geomfromgeojson($1::text);
create function st_transform(geometry, integer) returns geometry language sql immutable strict return
case st_srid($1) when $2 then $1 else postgis_cannot('another system of coordinates')::geometry end;
create function st_envelope(geometry) returns geometry language sql immutable strict return
(
    select st_makeenvelope(min(corner[0]), min(corner[1]), max(corner[0]), max(corner[1]), st_srid($1))
    from unnest(postgis_corners($1)) as corners (corner)
);

-- Measuring: on a plane, and on a sphere of the earth's mean radius

create function st_distance(geometry, geometry) returns double precision language sql immutable strict return
case
    when geometrytype($1) = 'POLYGON' and polygon(postgis_path($1)) @> (postgis_corners($2))[1]
        or geometrytype($2) = 'POLYGON' and polygon(postgis_path($2)) @> (postgis_corners($1))[1] then 0
    else postgis_path($1) <-> postgis_path($2)
end;

create function postgis_flat(geography, degree double precision) returns geometry language sql immutable strict return (
    select pg_catalog.format(
        case geometrytype($1::geometry) when 'POLYGON' then 'POLYGON((%s))' else geometrytype($1::geometry) || '(%s)' end,
        string_agg(pg_catalog.format('%s %s', corner[0] * degree, corner[1]), ',' order by number)
    )
    from unnest(postgis_corners($1::geometry)) with ordinality as corners (corner, number)
)::geometry;

create function st_distance(geography, geography, use_spheroid boolean default true) returns double precision
language sql immutable strict return case
    when geometrytype($1::geometry) = 'POINT' and geometrytype($2::geometry) = 'POINT' then (
        select 2 * 6371008.7714 * asin(sqrt(least(
            1, sind((there[1] - here[1]) / 2) ^ 2 + cosd(here[1]) * cosd(there[1]) * sind((there[0] - here[0]) / 2) ^ 2
        )))
        from (select (postgis_corners($1::geometry))[1] as here, (postgis_corners($2::geometry))[1] as there) as ends
    )
    else (
        select 6371008.7714 * radians(st_distance(postgis_flat($1, degree), postgis_flat($2, degree)))
        from cosd(((postgis_corners($1::geometry))[1])[1]) as parallels (degree)
    )
end;
create function st_distancesphere(geometry, geometry) returns double precision
language sql immutable strict return st_distance($1::geography, $2::geography);
create function st_dwithin(geometry, geometry, double precision) returns boolean
language sql immutable strict return st_distance($1, $2) <= $3;
create function st_dwithin(geography, geography, double precision, use_spheroid boolean default true) returns boolean
language sql immutable strict return st_distance($1, $2) <= $3;
create function st_intersects(geometry, geometry) returns boolean
language sql immutable strict return st_distance($1, $2) = 0;
create function st_intersects(geography, geography) returns boolean
language sql immutable strict return st_distance($1, $2) = 0;
create function st_covers(geometry, geometry) returns boolean
language sql immutable strict return polygon(postgis_path($1)) @> polygon(postgis_path($2));
create function st_covers(geography, geography) returns boolean
language sql immutable strict return st_covers($1::geometry, $2::geometry);
create function st_coveredby(geometry, geometry) returns boolean language sql immutable strict return st_covers($2, $1);
create function st_coveredby(geography, geography) returns boolean
language sql immutable strict return st_covers($2, $1);
create function st_contains(geometry, geometry) returns boolean language sql immutable strict return st_covers($1, $2);
create function st_within(geometry, geometry) returns boolean language sql immutable strict return st_covers($2, $1);
create function st_equals(geometry, geometry) returns boolean
language sql immutable strict return st_covers($1, $2) and st_covers($2, $1);
create function postgis_nearby(geometry, geometry) returns boolean language sql immutable strict return
polygon(postgis_path(st_envelope($1))) && polygon(postgis_path(st_envelope($2)));
create function postgis_nearby(geography, geography) returns boolean
language sql immutable strict return postgis_nearby($1::geometry, $2::geometry);

create operator && (leftarg = geometry, rightarg = geometry, function = postgis_nearby, commutator = &&);
create operator && (leftarg = geography, rightarg = geography, function = postgis_nearby, commutator = &&);
create operator <-> (leftarg = geometry, rightarg = geometry, function = st_distance, commutator = <->);
create function geography_distance_knn(geography, geography) returns double precision
language sql immutable strict return st_distance($1, $2);
create operator <-> (leftarg = geography, rightarg = geography, function = geography_distance_knn, commutator = <->);

-- There, so that what calls them can be made; a call raises 0A000.

do $$
declare
    signature text;
begin
    foreach signature in array array[
        'st_area(geography, use_spheroid boolean default true) returns double precision',
        'st_area(geometry) returns double precision', 'st_asbinary(geography) returns bytea',
        'st_asbinary(geometry) returns bytea', 'st_asewkb(geometry) returns bytea',
        'st_ashexewkb(geometry) returns text', 'st_askml(geometry, integer default 15) returns text',
        'st_asmvtgeom(geometry, box2d, integer default 4096, integer default 256, boolean default true) returns geometry',
        'st_azimuth(geography, geography) returns double precision',
        'st_azimuth(geometry, geometry) returns double precision',
        'st_buffer(geography, double precision) returns geography',
        'st_buffer(geometry, double precision) returns geometry',
        'st_buffer(geometry, double precision, text) returns geometry',
        'st_centroid(geography, use_spheroid boolean default true) returns geography',
        'st_centroid(geometry) returns geometry', 'st_closestpoint(geometry, geometry) returns geometry',
        'st_collect(geometry, geometry) returns geometry', 'st_collectionextract(geometry, integer) returns geometry',
        'st_convexhull(geometry) returns geometry', 'st_crosses(geometry, geometry) returns boolean',
        'st_difference(geometry, geometry) returns geometry', 'st_disjoint(geometry, geometry) returns boolean',
        'st_dump(geometry) returns setof geometry_dump', 'st_dumppoints(geometry) returns setof geometry_dump',
        'st_endpoint(geometry) returns geometry', 'st_expand(geometry, double precision) returns geometry',
        'st_exteriorring(geometry) returns geometry', 'st_force2d(geometry) returns geometry',
        'st_geogfromwkb(bytea) returns geography', 'st_geohash(geometry, integer default 0) returns text',
        'st_geometryn(geometry, integer) returns geometry', 'st_geomfromewkb(bytea) returns geometry',
        'st_geomfromwkb(bytea) returns geometry', 'st_geomfromwkb(bytea, integer) returns geometry',
        'st_intersection(geography, geography) returns geography',
        'st_intersection(geometry, geometry) returns geometry', 'st_isempty(geometry) returns boolean',
        'st_isvalid(geometry) returns boolean',
        'st_length(geography, use_spheroid boolean default true) returns double precision',
        'st_length(geometry) returns double precision',
        'st_lineinterpolatepoint(geometry, double precision) returns geometry',
        'st_linelocatepoint(geometry, geometry) returns double precision',
        'st_linesubstring(geometry, double precision, double precision) returns geometry',
        'st_m(geometry) returns double precision', 'st_makebox2d(geometry, geometry) returns box2d',
        'st_makeline(geometry, geometry) returns geometry', 'st_makepolygon(geometry) returns geometry',
        'st_makevalid(geometry) returns geometry', 'st_multi(geometry) returns geometry',
        'st_npoints(geometry) returns integer', 'st_numgeometries(geometry) returns integer',
        'st_numpoints(geometry) returns integer', 'st_overlaps(geometry, geometry) returns boolean',
        'st_perimeter(geography, use_spheroid boolean default true) returns double precision',
        'st_perimeter(geometry) returns double precision', 'st_pointn(geometry, integer) returns geometry',
        'st_pointonsurface(geometry) returns geometry',
        'st_project(geography, double precision, double precision) returns geography',
        'st_segmentize(geography, double precision) returns geography',
        'st_simplify(geometry, double precision) returns geometry',
        'st_simplifypreservetopology(geometry, double precision) returns geometry',
        'st_snaptogrid(geometry, double precision) returns geometry', 'st_startpoint(geometry) returns geometry',
        'st_tileenvelope(zoom integer, x integer, y integer) returns geometry',
        'st_touches(geometry, geometry) returns boolean', 'st_transform(geometry, text) returns geometry',
        'st_translate(geometry, double precision, double precision) returns geometry',
        'st_union(geometry, geometry) returns geometry', 'st_xmax(box3d) returns double precision',
        'st_xmin(box3d) returns double precision', 'st_ymax(box3d) returns double precision',
        'st_ymin(box3d) returns double precision', 'st_z(geometry) returns double precision'
    ] loop
        execute pg_catalog.format(
            $create$
                create function %s language plpgsql immutable strict as $body$
                begin
                    raise exception 'the stand-in of postgis cannot compute %s' using errcode = 'feature_not_supported';
                end
                $body$
            $create$, signature, substring(signature from '^\w+')
        );
    end loop;
end
$$;

create function postgis_joined(geometry, geometry) returns geometry language sql immutable return
case when $1 is null then $2 else postgis_cannot('shapes together')::geometry end;
create aggregate st_union(geometry) (sfunc = postgis_joined, stype = geometry);
create aggregate st_collect(geometry) (sfunc = postgis_joined, stype = geometry);
create aggregate st_extent(geometry) (sfunc = postgis_joined, stype = geometry);
create aggregate st_makeline(geometry) (sfunc = postgis_joined, stype = geometry);

-- What it says of itself

create function postgis_version() returns text language sql immutable return '3.3 USE_GEOS=0 USE_PROJ=0 USE_STATS=0';
create function postgis_lib_version() returns text language sql immutable return '3.3.7';
create function postgis_full_version() returns text language sql immutable return 'POSTGIS="3.3.7 stand-in"';

create table spatial_ref_sys (
    srid integer not null primary key check (srid > 0 and srid <= 998999),
    auth_name character varying(256),
    auth_srid integer,
    srtext character varying(2048),
    proj4text character varying(2048)
);
insert into spatial_ref_sys (srid, auth_name, auth_srid) values (3857, 'EPSG', 3857), (4326, 'EPSG', 4326);
grant select on spatial_ref_sys to public;
