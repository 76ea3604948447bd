import type { ClientBase, Pool } from 'pg';

/**
 * What a catalogue holds, one line an object, sorted by bytes: the same text for the same schema on PostgreSQL 15 to 18,
 * whatever the owner's name and the order in which things were made. Meant to be committed and compared. One exception:
 * PostgreSQL 15 words a view over a single table differently from its successors.
 */
export async function catalogueFingerprint(client: ClientBase | Pool, schema = 'public'): Promise<string> {
  const lines: string[] = [];
  for (const query of QUERIES) {
    const { rows } = await client.query<{ readonly line: string }>(query, [schema]);
    lines.push(...rows.map((row) => row.line.replaceAll(/\s+/g, ' ').trim()));
  }
  return `${lines.sort(byBytes).join('\n')}\n`;
}

const byBytes = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b));

/** Objects that an extension brought along are its business: the extension has a line of its own. */
const notFromExtension = (catalogue: string, oid: string): string =>
  `not exists (select from pg_depend d where d.classid = '${catalogue}'::regclass and d.objid = ${oid} and d.deptype = 'e')`;

// MAINTAIN exists from 17 on, so that "grant all" reads differently before and after: it is left out.
// What the owner may do follows from owning.
const grants = (
  kind: string,
  name: string,
  acl: string,
  fallback: string,
  owner: string,
  from: string,
): string => `
  select format('grant %s on ${kind} %s to %s%s', lower(a.privilege_type), ${name},
    case when a.grantee = 0 then 'public' else pg_get_userbyid(a.grantee)::text end,
    case when a.is_grantable then ' with grant option' else '' end) as line
  from ${from}, aclexplode(coalesce(${acl}, acldefault('${fallback}', ${owner}))) a
  where n.nspname = $1 and a.grantee <> ${owner} and a.privilege_type <> 'MAINTAIN'`;

const RELATIONS = `
  select format('%s %s%s%s%s%s',
    case c.relkind when 'r' then 'table' when 'p' then 'partitioned table' when 'v' then 'view'
      when 'm' then 'materialized view' when 'f' then 'foreign table' when 'S' then 'sequence' end,
    c.relname,
    case c.relpersistence when 'u' then ' unlogged' else '' end,
    case when c.relrowsecurity then ' row-security' else '' end || case when c.relforcerowsecurity then ' forced' else '' end,
    case when c.relkind = 'S' then (select format(' %s start %s increment %s min %s max %s%s', format_type(s.seqtypid, null),
      s.seqstart, s.seqincrement, s.seqmin, s.seqmax, case when s.seqcycle then ' cycle' else '' end)
      from pg_sequence s where s.seqrelid = c.oid) else '' end || coalesce(' options ' || c.reloptions::text, ''),
    case when c.relkind in ('v', 'm') then ' as ' || pg_get_viewdef(c.oid) when c.relkind = 'p' then
      ' by ' || pg_get_partkeydef(c.oid) when c.relispartition then ' ' || pg_get_expr(c.relpartbound, c.oid) else '' end) as line
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where n.nspname = $1 and c.relkind in ('r', 'p', 'v', 'm', 'f', 'S') and ${notFromExtension('pg_class', 'c.oid')}`;

const COLUMNS = `
  select format('column %s.%s %s%s%s%s%s', c.relname, a.attname, format_type(a.atttypid, a.atttypmod),
    case when a.attcollation <> 0 and a.attcollation <> t.typcollation
      then ' collate ' || (select collname from pg_collation where oid = a.attcollation) else '' end,
    case when a.attnotnull then ' not null' else '' end,
    case a.attidentity when 'a' then ' identity always' when 'd' then ' identity' else '' end,
    case when d.oid is null then '' when a.attgenerated = 's' then ' generated stored ' || pg_get_expr(d.adbin, d.adrelid)
      when a.attgenerated <> '' then ' generated virtual ' || pg_get_expr(d.adbin, d.adrelid)
      else ' default ' || pg_get_expr(d.adbin, d.adrelid) end) as line
  from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
  join pg_type t on t.oid = a.atttypid left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
  where n.nspname = $1 and a.attnum > 0 and not a.attisdropped and c.relkind in ('r', 'p', 'v', 'm', 'f')
    and ${notFromExtension('pg_class', 'c.oid')}`;

const INDEXES = `
  select format('index %s%s', pg_get_indexdef(i.indexrelid), case when i.indisvalid then '' else ' INVALID' end) as line
  from pg_index i join pg_class c on c.oid = i.indrelid join pg_namespace n on n.oid = c.relnamespace
  where n.nspname = $1 and ${notFromExtension('pg_class', 'c.oid')}`;

// From 18 on NOT NULL is a constraint of its own (type n); the column's line says it on every version.
const CONSTRAINTS = `
  select format('constraint %s on %s %s', k.conname, coalesce(c.relname, t.typname), pg_get_constraintdef(k.oid)) as line
  from pg_constraint k join pg_namespace n on n.oid = k.connamespace
  left join pg_class c on c.oid = k.conrelid left join pg_type t on t.oid = k.contypid
  where n.nspname = $1 and k.contype <> 'n' and ${notFromExtension('pg_constraint', 'k.oid')}`;

const FUNCTIONS = `
  select format('function %s(%s) %s', p.proname, pg_get_function_identity_arguments(p.oid),
    case when p.prokind = 'a' then 'aggregate' else pg_get_functiondef(p.oid) end) as line
  from pg_proc p join pg_namespace n on n.oid = p.pronamespace
  where n.nspname = $1 and ${notFromExtension('pg_proc', 'p.oid')}`;

const TRIGGERS = `
  select format('trigger %s%s', pg_get_triggerdef(t.oid), case t.tgenabled when 'O' then '' else ' enabled ' || t.tgenabled::text end) as line
  from pg_trigger t join pg_class c on c.oid = t.tgrelid join pg_namespace n on n.oid = c.relnamespace
  where n.nspname = $1 and not t.tgisinternal`;

const POLICIES = `
  select format('policy %s on %s %s %s to %s using %s check %s', p.policyname, p.tablename, p.permissive, p.cmd, p.roles,
    p.qual, p.with_check) as line
  from pg_policies p where p.schemaname = $1`;

const TYPES = `
  select format('type %s %s', t.typname, case t.typtype
    when 'e' then 'enum ' || (select string_agg(quote_literal(e.enumlabel), ', ' order by e.enumsortorder) from pg_enum e
      where e.enumtypid = t.oid)
    when 'd' then 'domain over ' || format_type(t.typbasetype, t.typtypmod) || case when t.typnotnull then ' not null' else '' end
      || coalesce(' default ' || t.typdefault, '')
    when 'r' then 'range over ' || (select format_type(r.rngsubtype, null) from pg_range r where r.rngtypid = t.oid)
    else 'composite ' || (select string_agg(a.attname || ' ' || format_type(a.atttypid, a.atttypmod), ', ' order by a.attnum)
      from pg_attribute a where a.attrelid = t.typrelid and a.attnum > 0 and not a.attisdropped) end) as line
  from pg_type t join pg_namespace n on n.oid = t.typnamespace left join pg_class c on c.oid = t.typrelid
  where n.nspname = $1 and (t.typtype in ('e', 'd', 'r') or (t.typtype = 'c' and c.relkind = 'c'))
    and ${notFromExtension('pg_type', 't.oid')}`;

const EXTENSIONS = `select format('extension %s', e.extname) as line
  from pg_extension e join pg_namespace n on n.oid = e.extnamespace where n.nspname = $1`;

const NAMED_RELATION = `pg_class c join pg_namespace n on n.oid = c.relnamespace and c.relkind`;

const QUERIES: readonly string[] = [
  RELATIONS,
  COLUMNS,
  INDEXES,
  CONSTRAINTS,
  FUNCTIONS,
  TRIGGERS,
  POLICIES,
  TYPES,
  EXTENSIONS,
  grants(
    'table',
    'c.relname',
    'c.relacl',
    'r',
    'c.relowner',
    `${NAMED_RELATION} in ('r', 'p', 'v', 'm', 'f')`,
  ),
  grants('sequence', 'c.relname', 'c.relacl', 's', 'c.relowner', `${NAMED_RELATION} = 'S'`),
  grants(
    'column',
    `c.relname || '.' || t.attname`,
    't.attacl',
    'c',
    'c.relowner',
    `${NAMED_RELATION} in ('r', 'p', 'v', 'm', 'f') join pg_attribute t on t.attrelid = c.oid and t.attnum > 0 and not t.attisdropped`,
  ),
  grants(
    'function',
    `p.proname || '(' || pg_get_function_identity_arguments(p.oid) || ')'`,
    'p.proacl',
    'f',
    'p.proowner',
    `pg_proc p join pg_namespace n on n.oid = p.pronamespace and ${notFromExtension('pg_proc', 'p.oid')}`,
  ),
  grants('schema', 'n.nspname', 'n.nspacl', 'n', 'n.nspowner', 'pg_namespace n'),
];
