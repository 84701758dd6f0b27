"""Write the example data: support tickets and product reviews, many of them the same, as such texts are."""

from __future__ import annotations

import csv
import itertools
import random
from datetime import date, timedelta
from pathlib import Path

import duckdb

HERE = Path(__file__).parent / "data"
PRODUCTS = ["Kettle One", "Trail Lamp", "Desk Fan Mini", "Notebook A5", "Bike Bell", "Rain Jacket", "Cold Brew Jug"]
PRAISE = [
    "Works exactly as described, I would buy it again",
    "Great quality for the price",
    "My whole family uses it every day",
    "Arrived two days early and well packed",
    "Better than the one I had before",
]
BLAME = [
    "Stopped working after {days} days and nobody answers my mails",
    "The colour is not the one in the picture",
    "It arrived broken, I want my money back",
    "Far too loud for a small room",
    "The instructions are in a language I cannot read",
]
MIXED = [
    "Good, but smaller than I thought",
    "Fine for now, let us see how long it lasts",
    "Nice design, poor battery",
]
TICKETS = [
    ("billing", "I was charged twice for order {order}, please refund one payment."),
    ("billing", "The invoice for order {order} shows the wrong address."),
    ("delivery", "Order {order} says delivered, but nothing has arrived."),
    ("delivery", "Can you send order {order} to my office instead?"),
    ("defect", "The {product} does not switch on any more. What can I do?"),
    ("defect", "The lid of my {product} is cracked, do you have a spare part?"),
    ("question", "Is the {product} safe for children?"),
    ("question", "Which size of the {product} should I take?"),
    ("praise", "Just wanted to say that the {product} is wonderful."),
]


def reviews(chance: random.Random, count: int) -> list[tuple[int, str, int, str]]:
    """Return (id, product, stars, review) rows."""
    rows = []
    for number in range(1, count + 1):
        stars = chance.choice([1, 2, 3, 3, 4, 4, 5, 5, 5])
        pool = BLAME if stars < 3 else MIXED if stars == 3 else PRAISE  # noqa: PLR2004 (stars)
        text = chance.choice(pool).format(days=chance.choice([3, 10, 30]))
        product = chance.choice(PRODUCTS)
        rows.append((number, product, stars, f"{product}: {text}."))
    return rows


def tickets(chance: random.Random, count: int) -> list[tuple[int, str, str, str]]:
    """Return (id, opened, channel, message) rows."""
    rows = []
    for number, day in zip(range(1, count + 1), itertools.count(0)):
        _, text = chance.choice(TICKETS)
        message = text.format(order=1000 + chance.randrange(40), product=chance.choice(PRODUCTS))
        opened = date(2026, 1, 1) + timedelta(days=day // 12)
        rows.append((number, opened.isoformat(), chance.choice(["mail", "chat", "phone"]), message))
    return rows


def main() -> None:
    """Write both files; the same seed gives the same bytes."""
    chance = random.Random(2026)
    HERE.mkdir(exist_ok=True)
    with (HERE / "tickets.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "opened", "channel", "message"])
        writer.writerows(tickets(chance, 3000))
    con = duckdb.connect()
    con.execute("CREATE TABLE reviews (id INT, product VARCHAR, stars INT, review VARCHAR)")
    con.executemany("INSERT INTO reviews VALUES (?, ?, ?, ?)", reviews(chance, 5000))
    con.sql("FROM reviews").write_parquet(str(HERE / "reviews.parquet"))


if __name__ == "__main__":
    main()
