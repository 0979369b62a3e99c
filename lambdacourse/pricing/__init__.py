"""What it costs, in us-east-1: the bill of a function and of what stands around it, and where another way is cheaper.

    from lambdacourse.pricing import bill, charges, Provisioned, SnapStart      # bills; they add, subtract and scale
    from lambdacourse.pricing import provisioned_break_even, crossing, fargate, managed_instances

Prices come from ``facts.toml``; ``price_list()`` shows them. Amounts are worked out in decimals and handed out as floats.
"""

from lambdacourse.pricing.bills import Bill, Difference, Line, Provisioned, SnapStart, bill, billed_ms, charges, gb_seconds
from lambdacourse.pricing.breakeven import (
    Fleet,
    crossing,
    fargate,
    lambda_month,
    managed_instances,
    most_bursty,
    plot_fleets,
    plot_provisioned,
    provisioned_break_even,
    provisioned_multiple,
    traffic_shape,
)
from lambdacourse.pricing.prices import Item, price_list

__all__ = [
    "Bill",
    "Difference",
    "Fleet",
    "Item",
    "Line",
    "Provisioned",
    "SnapStart",
    "bill",
    "billed_ms",
    "charges",
    "crossing",
    "fargate",
    "gb_seconds",
    "lambda_month",
    "managed_instances",
    "most_bursty",
    "plot_fleets",
    "plot_provisioned",
    "price_list",
    "provisioned_break_even",
    "provisioned_multiple",
    "traffic_shape",
]
