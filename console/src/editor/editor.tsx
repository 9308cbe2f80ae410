// editor.tsx — CodeMirror in a shadow root: there it sets its styles through constructed style sheets, which the
// page's policy allows, instead of <style> elements, which it does not.
import {
  autocompletion,
  closeBrackets,
  closeBracketsKeymap,
  completionKeymap,
} from '@codemirror/autocomplete';
import { defaultKeymap, history, historyKeymap, indentWithTab } from '@codemirror/commands';
import { bracketMatching } from '@codemirror/language';
import { setDiagnostics } from '@codemirror/lint';
import { Compartment, EditorState } from '@codemirror/state';
import type { Extension } from '@codemirror/state';
import {
  drawSelection,
  EditorView,
  highlightActiveLine,
  highlightActiveLineGutter,
  keymap,
  lineNumbers,
  placeholder,
} from '@codemirror/view';
import type { JSX } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { appearance, language } from './language';
import type { Catalogue } from './language';
import { namespaceAt } from './namespace';
import { statementAt } from './split';

/** A part of the text, where it starts, and the namespace that the text in front of it has chosen. */
export interface Part {
  text: string;
  from: number;
  namespace?: string | undefined;
}

/** What the studio's buttons ask of the editor. */
export interface EditorHandle {
  /** The selected text; the whole text without a selection. */
  chosen: () => Part;
  /** The statement at the cursor. */
  current: () => Part;
  markError: (from: number, to: number, message: string) => void;
  clearError: () => void;
  setText: (text: string) => void;
  focus: () => void;
}

interface EditorProps {
  /** The sheet: each keeps its own undo history and cursor. */
  sheet: string;
  text: string;
  catalogue: Catalogue;
  onChange: (text: string) => void;
  onRun: () => void;
  onRunCurrent: () => void;
  onReady: (handle: EditorHandle) => void;
}

function makeHandle(view: EditorView): EditorHandle {
  const whole = (): string => view.state.doc.toString();
  const part = (from: number, to: number): Part => ({
    text: view.state.sliceDoc(from, to),
    from,
    namespace: namespaceAt(whole(), from),
  });
  return {
    chosen: () => {
      const { from, to, empty } = view.state.selection.main;
      return empty ? part(0, view.state.doc.length) : part(from, to);
    },
    current: () => {
      const piece = statementAt(whole(), view.state.selection.main.head) ?? { from: 0, to: 0 };
      return part(piece.from, piece.to);
    },
    markError: (from, to, message) => {
      const end = view.state.doc.length;
      view.dispatch(
        setDiagnostics(view.state, [
          { from: Math.min(from, end), to: Math.min(to, end), severity: 'error', message },
        ]),
      );
      view.dispatch({ effects: EditorView.scrollIntoView(Math.min(from, end)) });
    },
    clearError: () => view.dispatch(setDiagnostics(view.state, [])),
    setText: (text) =>
      view.dispatch({
        changes: { from: 0, to: view.state.doc.length, insert: text },
        selection: { anchor: text.length },
      }),
    focus: () => view.focus(),
  };
}

export function Editor(props: EditorProps): JSX.Element {
  const host = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView>();
  const states = useRef(new Map<string, EditorState>());
  const names = useRef(new Compartment());
  const sheet = useRef(props.sheet);
  const latest = useRef(props);
  latest.current = props;

  const extensions = (): Extension => [
    lineNumbers(),
    highlightActiveLine(),
    highlightActiveLineGutter(),
    history(),
    drawSelection(),
    bracketMatching(),
    closeBrackets(),
    autocompletion({ icons: false }),
    EditorView.lineWrapping,
    EditorView.contentAttributes.of({ 'aria-label': 'SQL' }),
    placeholder(
      'SELECT … — Ctrl+Enter runs the selection or everything, Shift+Enter the statement at the cursor',
    ),
    keymap.of([
      {
        key: 'Mod-Enter',
        preventDefault: true,
        run: () => {
          latest.current.onRun();
          return true;
        },
      },
      {
        key: 'Shift-Enter',
        preventDefault: true,
        run: () => {
          latest.current.onRunCurrent();
          return true;
        },
      },
      ...closeBracketsKeymap,
      ...completionKeymap,
      ...defaultKeymap,
      ...historyKeymap,
      indentWithTab,
    ]),
    names.current.of(language(latest.current.catalogue)),
    appearance,
    EditorView.updateListener.of((update) => {
      if (update.docChanged) latest.current.onChange(update.state.doc.toString());
    }),
  ];

  useEffect(() => {
    const root = host.current?.shadowRoot ?? host.current?.attachShadow({ mode: 'open' });
    if (!root) return undefined;
    const created = new EditorView({
      root,
      parent: root,
      state: EditorState.create({ doc: latest.current.text, extensions: extensions() }),
    });
    view.current = created;
    latest.current.onReady(makeHandle(created));
    return () => created.destroy();
  }, []);
  useEffect(() => {
    const current = view.current;
    if (!current || sheet.current === props.sheet) return;
    states.current.set(sheet.current, current.state);
    sheet.current = props.sheet;
    current.setState(
      states.current.get(props.sheet) ??
        EditorState.create({ doc: props.text, extensions: extensions() }),
    );
    current.dispatch({ effects: names.current.reconfigure(language(props.catalogue)) });
    current.focus();
  }, [props.sheet]);
  useEffect(() => {
    view.current?.dispatch({ effects: names.current.reconfigure(language(props.catalogue)) });
  }, [props.catalogue]);
  return <div class="editor" ref={host} />;
}
