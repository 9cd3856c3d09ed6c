"""Lab 4: what is computed again, what a cache holds, who sees whom, and what growing costs."""

from __future__ import annotations

from figures.measured import HS, NH, S
from figures.style import LEFT, LinearScale, Sheet

LAB = "4_kv_cache"


def pictures() -> dict[str, str]:
    return {
        "again": again(),
        "cache": cache(),
        "mask": mask(),
        "steps": steps(),
        "growing": growing(),
    }


def again(prompt: int = 4, new: int = 6) -> str:
    """Which tokens are fed in each step, without and with a cache."""
    pitch, top = 26, 62
    sheet = Sheet(
        302,
        "Without a cache each step feeds the whole text again; with one, the prompt once and then a"
        " single token a step",
    )
    for column, (title, cached) in enumerate((("without a cache", 0), ("with a cache", 1))):
        x0 = LEFT + column * 350
        fed = 0
        sheet.text(x0, 26, title, "strong")
        for step in range(new):
            length = prompt + step
            for i in range(length):
                is_new = not cached or i >= length - 1 or step == 0
                fed += is_new
                kind = "empty edge" if not is_new else "need" if i >= length - 1 else "over"
                if step == 0:
                    kind = "need"
                sheet.box(x0 + i * pitch, top + step * 28, pitch - 3, 22, "", kind)
            sheet.text(x0 + 9.5 * pitch, top + 15 + step * 28, f"{step + 1}", "small soft", "end")
        sheet.text(x0 + 9.5 * pitch, 50, "step", "small soft", "end")
        sheet.text(x0, top + new * 28 + 18, f"{fed} tokens fed for {new} new ones", "strong")
    legend = [("need", "fed for the first time"), ("over", "fed again"), ("empty edge", "kept")]
    for i, (kind, text) in enumerate(legend):
        sheet.box(LEFT + i * 190, 266, 18, 18, "", kind)
        sheet.text(LEFT + i * 190 + 26, 280, text, "soft")
    return sheet.picture()


def cache(slots: int = 10, length: int = 5) -> str:
    """One head of one layer: the history, a new token, room for later ones."""
    sheet = Sheet(
        250,
        "Keys and values of one head in one layer: rows for the history are filled, the new token"
        " goes to the next row, the rest is room",
    )
    pitch, x0 = 46, LEFT + 84
    sheet.text(LEFT, 26, "self.k[layer, 0, head]: S rows of hs numbers, a row a position", "strong")
    kinds = ["share"] * length + ["need"] + ["empty edge"] * (slots - length - 1)
    for name, y in (("keys", 62), ("values", 134)):
        sheet.text(LEFT, y + 22, name, "strong")
        sheet.row(x0, y, pitch, [str(i) for i in range(slots)], kinds, 36)
        sheet.text(x0 + slots * pitch + 6, y + 22, "... S − 1", "soft")
    middle = x0 + (length + 0.5) * pitch
    sheet.text(middle, 122, "the new token’s", "small need-text", "middle")
    sheet.arrow(middle, 112, middle, 101, "need-line")
    sheet.line(x0, 184, x0 + length * pitch - 2, 184, "share-line")
    sheet.text(x0 + length * pitch / 2, 204, f"history: length = {length}", "share-text", "middle")
    sheet.line(x0, 216, x0 + (length + 1) * pitch - 2, 216, "need-line")
    sheet.text(x0, 236, "what update() returns: all that the new token may look at", "need-text")
    return sheet.picture()


def mask() -> str:
    """Who may look at whom: a prompt with no history; then one token, with it."""
    sheet = Sheet(
        264,
        "With no history, token i sees tokens 0 to i: a triangle. One token after a history of four"
        " sees all five",
    )
    pitch = 30
    cases = [
        ("prefill: 4 tokens, no history", LEFT, 4, 0),
        ("decode: 1 token after 4", LEFT + 240, 1, 4),
        ("3 tokens after 2: you draw it", LEFT + 478, 3, 2),
    ]
    for title, x0, T, history in cases:
        sheet.text(x0, 26, title, "strong")
        for row in range(T):
            sheet.text(x0 + 8, 82 + row * pitch, f"{history + row}", "small soft", "end")
            for column in range(history + T):
                known = history in (0, 4)
                sees = column <= history + row
                kind = ("need" if sees else "empty edge") if known else "empty edge"
                sheet.box(
                    x0 + 14 + column * pitch, 64 + row * pitch, pitch - 3, pitch - 3,
                    "" if known else "?", kind,
                )  # fmt: skip
        for column in range(history + T):
            x = x0 + 14 + (column + 0.45) * pitch
            sheet.text(x, 56, str(column), "small soft", "middle")
    sheet.box(LEFT, 214, 18, 18, "", "need")
    sheet.text(
        LEFT + 26, 228, "True: may look.  Rows: the new tokens. Columns: all tokens.", "soft"
    )
    sheet.text(LEFT, 252, "The numbers are positions in the text.", "soft")
    return sheet.picture()


def steps() -> str:
    """Time goes by: prefill, then one step a token."""
    sheet = Sheet(
        170,
        "TTFT is the time of the prefill; TPOT is the time of each decode step after that, one for"
        " each new token",
    )
    y = 56
    sheet.text(LEFT, 26, "One text: prefill, then decode", "strong")
    sheet.box(LEFT, y, 190, 34, "prefill: the prompt", "share")
    x = LEFT + 194
    for i in range(8):
        sheet.box(x + i * 56, y, 52, 34, "step", "need")
        sheet.arrow(x + i * 56 - 2, y + 56, x + i * 56 - 2, y + 40)
        sheet.text(x + i * 56 - 2, y + 70, f"id {i}", "small soft", "middle")
    sheet.line(LEFT, y - 8, LEFT + 190, y - 8, "share-line")
    sheet.text(LEFT + 95, y - 13, "TTFT", "strong share-text", "middle")
    sheet.line(x, y - 8, x + 52, y - 8, "need-line")
    sheet.text(x + 26, y - 13, "TPOT", "strong need-text", "middle")
    sheet.text(LEFT, 154, "Each id is yielded as soon as it is known. The last one is never fed.")
    return sheet.picture()


def growing() -> str:
    """Bytes written to keep one layer's keys, by cat and in place."""
    sheet = Sheet(
        286,
        "Bytes written for one layer's keys as the text grows: with torch.cat each step copies all"
        " of them; in place a step writes one token's",
    )
    row = NH * HS * 4  # bytes of a token's keys
    most = row * S
    x, y = LinearScale(0, S, 90, 470), LinearScale(0, most / 1e6, 234, 50)
    sheet.text(LEFT, 26, "Written in each step, GPT-2 124M, keys of one layer", "strong")
    sheet.line(x(0), y(0), x(S), y(0), "soft-line")
    sheet.line(x(0), y(0), x(0), y(most / 1e6), "soft-line")
    for tick in (0, 256, 512, 768, 1024):
        sheet.text(x(tick), 252, str(tick), "small soft", "middle")
    for megabytes in (1, 2, 3):
        sheet.text(82, y(megabytes) + 4, f"{megabytes} MB", "small soft", "end")
    sheet.text((x(0) + x(S)) / 2, 272, "tokens in the text", "small soft", "middle")
    sheet.path([(x(t), y(row * t / 1e6)) for t in (1, S)], "over-line")
    sheet.path([(x(t), y(row / 1e6)) for t in (1, S)], "need-line")
    total = row * S * (S + 1) / 2
    sheet.text(490, 74, "torch.cat", "strong over-text")
    sheet.paragraph(490, 96, [f"{total / 1e9:.2f} GB in all", f"for {S} tokens"], "soft")
    sheet.text(490, 190, "in place", "strong need-text")
    sheet.paragraph(490, 212, [f"{row * S / 1e6:.2f} MB in all"], "soft")
    return sheet.picture()
