"""What a database consists of, as comparable lines: the same server prints both sides."""

import asyncpg

from db.pool import Pool

# Since Postgres 18, NOT NULL is a named constraint, and the name tells where a column came from.
_LINES = """
SELECT format('%s %s %s %s %s', c.relname, c.relkind, c.relpersistence, c.reloptions,
              CASE WHEN c.relkind = 'v' THEN pg_get_viewdef(c.oid) END) FROM pg_class c
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'v', 'S')
UNION ALL
SELECT format('%s.%s %s %s %s %s', c.relname,\
 row_number() OVER (PARTITION BY c.oid ORDER BY a.attnum), a.attname,
              format_type(a.atttypid, a.atttypmod), a.attnotnull, pg_get_expr(d.adbin, d.adrelid))
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid\
 LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'v')\
 AND a.attnum > 0 AND NOT a.attisdropped
UNION ALL
SELECT pg_get_indexdef(i.indexrelid) FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid
WHERE c.relnamespace = 'public'::regnamespace
UNION ALL
SELECT format('%s %s %s', conrelid::regclass, conname, pg_get_constraintdef(oid)) FROM pg_constraint
WHERE connamespace = 'public'::regnamespace AND contype <> 'n'
UNION ALL
SELECT pg_get_functiondef(oid) FROM pg_proc WHERE pronamespace = 'public'::regnamespace
UNION ALL
SELECT format('%s %s', tgrelid::regclass, pg_get_triggerdef(oid)) FROM pg_trigger WHERE NOT tgisinternal
ORDER BY 1
"""


async def shape(database: "asyncpg.Connection[asyncpg.Record] | Pool") -> list[str]:
    """Return tables, columns, indexes, constraints, views, sequences, functions and triggers."""
    return [row[0] for row in await database.fetch(_LINES)]
