"""One page of a run: a bar for each figure beside its peers and its limit, then the table. No script, nothing from elsewhere."""
import html
import math

from harness import amount, bytes_text, more_is_better, number, others_text, percentiles_text

SECTIONS = (
    ("Writes", ("durable_insert", "batch_insert", "tables")),
    ("Reads", ("select_by_key", "last_rows", "group_by", "auth", "tls")),
    ("Cold files", ("files", "reads_beside_flush")),
    ("Changes and live queries", ("change", "stream", "live_queries")),
    ("Statements", ("statements",)),
    ("Flush and backup", ("flush", "flush_users", "backup")),
    ("Clients", ("client",)),
    ("Memory", ("memory",)),
    ("Start", ("startup", "coldstart")),
)
LOG_FROM = 20  # largest over smallest bar: from here on the scale is logarithmic
STYLE = """
:root{--ink:#1b2430;--soft:#5b6877;--line:#dde3ea;--back:#fff;--card:#f6f8fa;--ours:#0b63ce;--peer:#9aa7b5;--limit:#d3a24a;
--good:#157347;--bad:#b42318;--goal:#1b2430}
@media (prefers-color-scheme:dark){:root{--ink:#e6ebf1;--soft:#9aa7b5;--line:#2b3440;--back:#12171d;--card:#1a2129;--ours:#5aa2ff;
--peer:#6b7785;--limit:#b98a35;--good:#55c08a;--bad:#ff8578;--goal:#e6ebf1}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:60rem;padding:1.5rem 1rem 4rem;background:var(--back);color:var(--ink);
font:16px/1.5 system-ui,sans-serif}
h1{font-size:1.6rem;margin:0 0 .25rem}h2{font-size:1.15rem;margin:2.5rem 0 .75rem;padding-bottom:.3rem;border-bottom:1px solid var(--line)}
p{margin:.4rem 0}.soft{color:var(--soft);font-size:.9rem}
.score{display:flex;flex-wrap:wrap;gap:.75rem;margin:1rem 0}
.score div{background:var(--card);border:1px solid var(--line);border-radius:.5rem;padding:.5rem .9rem}
.score b{display:block;font-size:1.35rem;line-height:1.2}
.keys span{display:inline-block;margin-right:1.1rem}.keys i{display:inline-block;width:.8rem;height:.8rem;margin-right:.35rem;border-radius:2px;
vertical-align:-1px}
.row{background:var(--card);border:1px solid var(--line);border-radius:.5rem;padding:.65rem .85rem;margin:.6rem 0}
.head{display:flex;flex-wrap:wrap;gap:.1rem .75rem;align-items:baseline;justify-content:space-between}
.head b{font-weight:600}.verdict{font-size:.85rem}.met{color:var(--good)}.missed{color:var(--bad)}
.bar{display:grid;grid-template-columns:8.5rem 1fr 13rem;gap:.6rem;align-items:center;font-size:.85rem;line-height:1.45}
.bar svg{display:block;width:100%;height:.95rem;overflow:visible}.bar .n{overflow-wrap:anywhere}.bar .v{font-variant-numeric:tabular-nums}
.bar.ours{font-weight:600}
.ours rect{fill:var(--ours)}.peer rect{fill:var(--peer)}.limit rect{fill:var(--limit)}
line{stroke:var(--goal);stroke-width:2;stroke-dasharray:3 2}
.note{color:var(--soft);font-size:.8rem;margin:.25rem 0 0}
.wide{overflow-x:auto}table{border-collapse:collapse;font-size:.8rem;min-width:82rem}
th,td{text-align:left;padding:.3rem .55rem;border-bottom:1px solid var(--line);vertical-align:top}
td.n{white-space:nowrap}td.r,th.r{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
@media (max-width:36rem){.bar{grid-template-columns:6rem 1fr;gap:.1rem .5rem}.bar .v{grid-column:2;margin-top:-.15rem}}
@media print{body{max-width:none}.row{break-inside:avoid}}
"""


def text(value):
    return html.escape(str(value))


def scale(values):
    """A function from a value to a share of the width, and whether it is logarithmic."""
    known = [value for value in values if value > 0]
    low, high = min(known, default=1), max(known, default=1)
    if high / low < LOG_FROM:
        return (lambda value: max(0, value) / (high * 1.02)), False
    floor = 10 ** math.floor(math.log10(low / 1.5))
    span = math.log10(high * 1.1 / floor)
    return (lambda value: math.log10(value / floor) / span if value > floor else 0), True


def bar(kind, name, value, unit, place, marks, note=""):
    lines = "".join(f'<line x1="{place(mark):.2%}" x2="{place(mark):.2%}" y1="-3" y2="19"/>' for mark in marks)
    label = amount(value, unit)
    return (f'<div class="bar {kind}"><span class="n">{text(name)}</span><svg role="img" aria-label="{text(name)}: {text(label)}">'
            f'<rect width="{max(place(value), 0.002):.2%}" height="100%" rx="2"/>{lines}</svg>'
            f'<span class="v">{text(label)}{text(note)}</span></div>')


def verdict(row):
    """Each goal with a sign of its own; a goal that nothing could be held against has none."""
    signs = {True: ' <b class="met">✓ met</b>', False: ' <b class="missed">✗ missed</b>', None: ""}
    goals = [f"{text(goal['text'])}{signs[goal['met']]}" for goal in row["goals"]] or [text(row["goal"])]
    return f'<span class="verdict">goal {", ".join(goals)}</span>' if row["goal"] else ""


def times_note(row):
    times = percentiles_text(row)
    names = " / ".join(name for name, key in (("p50", "p50_us"), ("p99", "p99_us"), ("p99.9", "p999_us")) if row.get(key) is not None)
    return f"{names} {times} µs" if times else ""


def figure(row):
    """Ours, the peers, the limit; dashed lines are goals."""
    values = [row["value"], *(other["value"] for other in row["others"]), *row["goal_marks"]]
    place, logarithmic = scale(values)
    marks = row["goal_marks"]
    alone = len(values) == 1  # a bar would say nothing
    bars = [] if alone else [bar("ours", "KalamDB", row["value"], row["unit"], place, marks)]
    for other in row["others"]:
        ratio = f" · ours {other['ratio']:.2f} ×" if other["ratio"] is not None else ""
        bars.append(bar("limit" if other["limit"] else "peer", other["name"], other["value"], row["unit"], place, marks, ratio))
    clients = f"{row['clients']:,} client{'s' if row['clients'] != 1 else ''}" if row["clients"] else ""
    durable = {"": "", "read": "read"}.get(row["durability"], f"durability: {row['durability']}")
    size = bytes_text(row)
    notes = [times_note(row), clients, durable, f"{size} B" if size else "", row["extra"],
             "more is better" if more_is_better(row["unit"]) else "less is better", "log scale" if logarithmic else ""]
    own = f'<b class="v">{text(amount(row["value"], row["unit"]))}</b>' if alone else ""
    return (f'<div class="row"><div class="head"><b>{text(row["name"])}</b>{own}{verdict(row)}</div>{"".join(bars)}'
            f'<p class="note">{text(" · ".join(note for note in notes if note))}</p></div>')


def table(rows):
    head = ("what", "clients", "durability", "ours", "p50 / p99 / p99.9 µs", "beside it (ours / it)", "goal", "met", "bytes", "")
    lines = []
    for row in rows:
        met = {True: '<b class="met">yes</b>', False: '<b class="missed">no</b>', None: ""}[row["met"]]
        cells = [("", text(row["name"])), ("r", text(row["clients"] or "")), ("", text(row["durability"])),
                 ("r", text(amount(row["value"], row["unit"]))), ("r", text(percentiles_text(row))),
                 ("n", text(others_text(row)).replace("; ", "<br>")), ("n", text(row["goal"]).replace(", ≥", ",<br>≥")), ("", met), ("r", text(bytes_text(row))),
                 ("", text(row["extra"]))]
        lines.append("<tr>" + "".join(f'<td class="{kind}">{cell}</td>' for kind, cell in cells) + "</tr>")
    right = {"clients", "ours", "p50 / p99 / p99.9 µs", "bytes"}
    return ('<div class="wide"><table><thead><tr>' + "".join(f'<th class="{"r" if name in right else ""}">{text(name)}</th>' for name in head)
            + "</tr></thead><tbody>" + "".join(lines) + "</tbody></table></div>")


def facts_text(about):
    versions = ", ".join(f"{name} {version}" for name, version in about["versions"].items() if version)
    return [f"{about['date']}, commit {about['commit']}{' with changes' if about['changed'] else ''}",
            f"{about['cpu']}, {about['cores']} cores, {about['memory_gb']} GB, Linux {about['kernel']}, {about['filesystem']}",
            f"beside: {versions}", f"{about['rounds']} round{'s' if about['rounds'] != 1 else ''} of {about['seconds']:g} s, medians; "
            f"client and server on the same machine; load before the run {about['load_before']}"]


def page(result):
    rows, about = result["rows"], result["about"]
    judged = [row for row in rows if row["met"] is not None]
    met = sum(row["met"] for row in judged)
    parts = []
    placed = {case for _, cases in SECTIONS for case in cases}
    for title, cases in (*SECTIONS, ("Others", {row["case"] for row in rows} - placed)):
        inside = [row for row in rows if row["case"] in cases]
        if inside:
            parts.append(f"<h2>{title}</h2>" + "".join(map(figure, inside)))
    facts = "".join(f"<p class=soft>{text(fact)}</p>" for fact in facts_text(about))
    keys = "".join(f'<span><i style="background:var(--{kind})"></i>{name}</span>' for kind, name in
                   (("ours", "KalamDB"), ("peer", "beside it"), ("limit", "limit: raw engine, bare sockets")))
    return (f'<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">'
            f'<meta name="color-scheme" content="light dark"><title>KalamDB: measured</title><style>{STYLE}</style><body>'
            f'<h1>KalamDB, measured</h1>{facts}'
            f'<div class="score"><div><b>{met} of {len(judged)}</b>figures reach their goals</div><div><b>{len(rows)}</b>figures in all</div></div>'
            f'<p class="keys soft">{keys}<span>┆ goal</span></p>'
            f'<p class="soft">Ratios count, not figures: machines differ. “ours 1.20 ×” = our figure divided by the one of that bar.</p>'
            f'{"".join(parts)}<h2>All figures</h2>{table(rows)}</body></html>\n')
