// language.ts — SQL as this server speaks it, its colours, and names to complete from the catalogue.
import type { CompletionSource } from '@codemirror/autocomplete';
import { keywordCompletionSource, schemaCompletionSource, SQLDialect } from '@codemirror/lang-sql';
import type { SQLNamespace } from '@codemirror/lang-sql';
import { HighlightStyle, syntaxHighlighting } from '@codemirror/language';
import type { Extension } from '@codemirror/state';
import { EditorView } from '@codemirror/view';
import { tags } from '@lezer/highlight';

const KEYWORDS =
  'select from where group by order having limit offset with recursive as on using join left right full inner outer cross natural lateral ' +
  'union intersect except all distinct case when then else end and or not in is null between like ilike exists any cast asc desc nulls ' +
  'first last over partition window rows range unbounded preceding following current row filter qualify exclude insert into values default ' +
  'returning update set delete conflict do nothing excluded begin commit rollback transaction explain analyze create alter drop add column ' +
  'rename to modify type table user shared stream namespace storage primary key if cascade flush policy interval seconds ttl retention ' +
  'ephemeral max_buffer access level public private restricted use_user_storage deleted_retention location comment subscribe live query kill ' +
  'job backup restore database async show tables columns stats describe history check extended users storages jobs namespaces backups options ' +
  'execute use clear cache generate api password internal role email metadata tblproperties true false current_user current_role ' +
  'current_timestamp auto_increment identity always';
const TYPES =
  'boolean bool smallint int2 int integer int4 bigint int8 float real float4 double precision float8 decimal numeric text varchar char string ' +
  'uuid json jsonb bytes bytea blob date time timestamp timestamptz datetime serial bigserial';

const dialect = SQLDialect.define({
  keywords: KEYWORDS,
  types: TYPES,
  doubleDollarQuotedStrings: true,
  operatorChars: '+-*/<>=~!@#%^&|`?:',
  specialVar: '$',
  caseInsensitiveIdentifiers: true,
});

export interface Catalogue {
  /** namespace → table → columns */
  [namespace: string]: Record<string, string[]>;
}

/** Behind a dot only names make sense. */
const keywords: CompletionSource = (context) =>
  context.matchBefore(/\.\w*/) ? null : offered(context);
const offered = keywordCompletionSource(dialect, true);

export function language(catalogue: Catalogue): Extension {
  const names = schemaCompletionSource({
    dialect,
    schema: catalogue as SQLNamespace,
    defaultSchema: 'default',
  });
  return [
    dialect.language,
    dialect.language.data.of({ autocomplete: names }),
    dialect.language.data.of({ autocomplete: keywords }),
  ];
}

const colours = HighlightStyle.define([
  { tag: [tags.keyword, tags.operatorKeyword], color: 'var(--code-keyword)' },
  { tag: [tags.string, tags.special(tags.string)], color: 'var(--code-string)' },
  { tag: [tags.number, tags.bool, tags.null], color: 'var(--code-number)' },
  {
    tag: [tags.comment, tags.lineComment, tags.blockComment],
    color: 'var(--code-comment)',
    fontStyle: 'italic',
  },
  { tag: [tags.typeName, tags.standard(tags.name)], color: 'var(--code-name)' },
]);

const look = EditorView.theme({
  '&': {
    height: '100%',
    flex: '1',
    fontSize: '13px',
    backgroundColor: 'var(--panel)',
    color: 'var(--text)',
  },
  '&.cm-focused': { outline: 'none' },
  '.cm-scroller': { fontFamily: 'var(--mono)', lineHeight: '1.6' },
  '.cm-gutters': {
    backgroundColor: 'var(--panel)',
    color: 'var(--muted)',
    border: 'none',
    paddingLeft: '6px',
  },
  '.cm-activeLine, .cm-activeLineGutter': {
    backgroundColor: 'color-mix(in srgb, var(--panel-2) 60%, transparent)',
  },
  '.cm-cursor': { borderLeftColor: 'var(--text)' },
  '&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground':
    { backgroundColor: 'var(--accent-soft) !important' },
  '.cm-tooltip': {
    backgroundColor: 'var(--panel)',
    color: 'var(--text)',
    border: '1px solid var(--line)',
    borderRadius: '7px',
    boxShadow: 'var(--shadow-high)',
  },
  '.cm-tooltip.cm-tooltip-autocomplete > ul': {
    fontFamily: 'var(--mono)',
    fontSize: '12.5px',
    maxHeight: '15em',
  },
  '.cm-tooltip.cm-tooltip-autocomplete > ul > li': { padding: '2px 10px 2px 4px' },
  '.cm-tooltip-autocomplete ul li[aria-selected]': {
    backgroundColor: 'var(--accent-soft)',
    color: 'var(--accent)',
  },
  '.cm-completionIcon': { color: 'var(--muted)', opacity: '1' },
  '.cm-matchingBracket': { backgroundColor: 'var(--accent-soft) !important', color: 'inherit' },
  '.cm-placeholder': { color: 'var(--muted)' },
  // The lint package draws its wave as a data: picture; a border needs none.
  '.cm-lintRange-error': {
    backgroundImage: 'none',
    borderBottom: '2px solid var(--danger)',
    backgroundColor: 'var(--danger-soft)',
  },
  '.cm-diagnostic-error': {
    borderLeftColor: 'var(--danger)',
    fontFamily: 'var(--font)',
    padding: '6px 10px',
  },
});

export const appearance: Extension = [look, syntaxHighlighting(colours)];
