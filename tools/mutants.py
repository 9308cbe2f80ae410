"""The mutants of a C file: each is one small mistake in one function, made on tokens.

All mutants of a file are compiled into one object, so that a test program is linked once for all of them: `switched`.
Comments, strings, preprocessor lines and the arguments of checks, log lines and fault points are left alone.
"""
import dataclasses
import re

TOKEN = re.compile(r"""
    (?P<skip>/\*.*?\*/|//[^\n]*|^[ \t]*\#(?:\\\n|[^\n])*)
  | (?P<text>"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')
  | (?P<name>[A-Za-z_]\w*)
  | (?P<number>\.?\d(?:[eE][+-]|[\w.])*)
  | (?P<mark>->|\+\+|--|<<=|>>=|<=|>=|==|!=|&&|\|\||[-+*/%&|^]=|<<|>>|\S)
  """, re.X | re.S | re.M)
LEFT_ALONE = re.compile(r"(CHECK|CHECK_SLOW|UNREACHABLE|FAULT|static_assert|_Static_assert|log_\w+|.*metric\w*)$")
SWAPS = {"<": "<=", "<=": "<", ">": ">=", ">=": ">", "==": "!=", "!=": "==", "&&": "||", "||": "&&", "+": "-", "-": "+",
         "++": "--", "--": "++", "+=": "-=", "-=": "+="}
NAMES = {"<": "relation", "=": "equality", "!": "equality", "&": "logic", "|": "logic", "+": "sign", "-": "sign"}
NOT_OPERANDS = {"return", "case", "sizeof", "else"}


@dataclasses.dataclass(frozen=True)
class Mutant:
    file: str
    line: int
    first: int  # line of the function
    function: str
    body: tuple  # where its braces are
    labels: tuple
    operator: str
    start: int
    end: int
    text: str  # instead of [start, end)
    before: str  # the line
    after: str

    def changed_body(self, source):
        """What is between the braces, with the mistake."""
        return source[self.body[0] + 1:self.start] + self.text + source[self.end:self.body[1]]

    def fields(self):
        return {"file": self.file, "line": self.line, "function": self.function, "operator": self.operator, "start": self.start, "text": self.text,
                "diff": [self.before, self.after]}

    def key(self):
        return key(self.fields())


def key(fields):
    """The same for the same mistake after lines were added elsewhere in the file."""
    return fields["file"], fields["function"], fields["operator"], *fields["diff"]


class Token:
    def __init__(self, match):
        self.kind, self.text, self.start, self.end = match.lastgroup, match.group(), match.start(), match.end()
        self.pair = None  # index of the other bracket


def tokens_of(source):
    tokens = [Token(m) for m in TOKEN.finditer(source) if m.lastgroup != "skip"]
    open_ones = []
    for index, token in enumerate(tokens):
        if token.text in ("(", "{", "["):
            open_ones.append(index)
        elif token.text in (")", "}", "]"):
            token.pair = open_ones.pop()
            tokens[token.pair].pair = index
    return tokens


def bodies(tokens):
    """(first token, last token, gives a status) of each function body."""
    index = begin = 0
    while index < len(tokens):
        token = tokens[index]
        if token.text == "{":
            if tokens[index - 1].text == ")":
                head = [t.text for t in tokens[begin:index]]
                yield index, token.pair, any(head[i:i + 2] == ["enum", "status"] for i in range(head.index("(")))
            index = begin = token.pair
        elif token.text == ";":
            begin = index
        index += 1


def begins_statement(tokens, index):
    before = tokens[index - 1]
    if before.text == ")":
        return tokens[before.pair - 1].text in ("if", "for", "while")
    return before.text in (";", "{", "}", "else")


def in_body(tokens, first, last, gives_status):
    """(operator, first token, last token, new text) of one function."""
    index = first + 1
    while index < last:
        token, before, after = tokens[index], tokens[index - 1], tokens[index + 1]
        if token.kind == "name" and after.text == "(" and LEFT_ALONE.match(token.text):
            index = after.pair + 1
            continue
        operand = before.kind in ("number", "text") or before.text in (")", "]") or \
            (before.kind == "name" and before.text not in NOT_OPERANDS)
        if token.text in SWAPS and (token.text not in "+-" or operand):
            yield NAMES.get(token.text[0], "relation"), index, index, SWAPS[token.text]
        if token.text in ("<", ">", "<=", ">=") and chooses(tokens, index, last):
            yield "minimum", index, index, {"<": ">", ">": "<", "<=": ">=", ">=": "<="}[token.text]
        if token.kind == "number" and re.match(r"(0[xX][0-9a-fA-F]+|\d+)[uUlL]*$", token.text) and not is_size(tokens, index):
            yield "constant", index, index, f"({token.text} + 1)"
        if token.text == "if":
            yield "condition", index + 1, after.pair, None
        if token.text == "return" and gives_status and after.text != "STATUS_OK":
            yield from returned(tokens, index)
        if token.text in ("break", "continue"):
            yield token.text, index, index + 1, ";"
        if begins_statement(tokens, index):
            yield from call(tokens, index)
        index += 1


def chooses(tokens, index, last):
    """Whether the comparison is the condition of a ?: as in a minimum."""
    depth = 0
    for token in tokens[index + 1:min(last, index + 12)]:
        depth += (token.text in ("(", "[")) - (token.text in (")", "]"))
        if token.text == "?" and depth in (0, -1):
            return True
        if token.text in (";", ",", "{", "&&", "||") or depth < -1:
            return False
    return False


def is_size(tokens, index):
    """The size of an array that is declared, or the 0 of an initialiser."""
    before = tokens[index - 1].text
    declared = before == "[" and tokens[index - 3].kind == "name" and tokens[index - 3].text not in NOT_OPERANDS
    zero = tokens[index].text == "0" and (before == "{" or (before == "=" and tokens[index - 3].text == "."))
    return declared or zero


def returned(tokens, index):
    end = index
    while tokens[end].text != ";":
        end += 1
    yield "return", index, end, None


def call(tokens, index):
    """A statement that is nothing but a call."""
    name = index + 3 if [t.text for t in tokens[index:index + 3]] == ["(", "void", ")"] else index
    if tokens[name].kind == "name" and tokens[name].text not in ("if", "for", "while", "switch", "return", "do", "sizeof") \
            and tokens[name + 1].text == "(":
        end = tokens[name + 1].pair + 1
        if tokens[end].text == ";":
            yield "call", index, end, ";"


SWITCH = """#include <stdlib.h>
static int which_mutant;
__attribute__((constructor)) static void which_mutant_read(void)
{
    const char *text = getenv("KALAM_MUTANT");
    which_mutant = text ? atoi(text) : 0;
}
"""


def switched(source, numbered):
    """The file with all of {number: mutant}: each function does what the environment's KALAM_MUTANT says."""
    by_body = {}
    for number, mutant in numbered.items():
        by_body.setdefault(mutant.body, []).append((number, mutant))
    for (first, last), chosen in sorted(by_body.items(), reverse=True):
        labels = chosen[0][1].labels
        begin = "{" + (f"__label__ {', '.join(labels)};" if labels else "")
        text = "".join(f"if (which_mutant == {n}) {begin}{m.changed_body(source)}}} else " for n, m in chosen)
        source = source[:first + 1] + text + begin + source[first + 1:last] + "}" + source[last:]
    return SWITCH + source


def of_file(file, source):
    tokens = tokens_of(source)
    for first, last, gives_status in bodies(tokens):
        name = tokens[tokens[first - 1].pair - 1].text
        labels = tuple(t.text for t, before, after in zip(tokens[first + 1:last], tokens[first:], tokens[first + 2:])
                       if t.kind == "name" and t.text != "default" and after.text == ":" and before.text in (";", "{", "}"))
        for operator, left, right, text in in_body(tokens, first, last, gives_status):
            start, end = tokens[left].start, tokens[right].end
            if operator == "condition":
                text = f"(!{source[start:end]})"
            if operator == "return":
                value = source[start + len("return"):end - 1].strip()
                text = "return STATUS_OK;" if re.match(r"\w+$", value) else f"return ((void)({value}), STATUS_OK);"
            line_start, line_end = source.rfind("\n", 0, start) + 1, source.find("\n", end)
            yield Mutant(file, source.count("\n", 0, start) + 1, source.count("\n", 0, tokens[first].start) + 1, name,
                         (tokens[first].start, tokens[last].start), labels, operator, start, end, text, " ".join(source[line_start:line_end].split()),
                         " ".join((source[line_start:start] + text + source[end:line_end]).split()))
