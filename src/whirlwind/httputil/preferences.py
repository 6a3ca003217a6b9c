"""Fields in which a client lists what it would like, with weights (RFC 9110 section 12.4.2)."""

from whirlwind.protocol.limits import MAX_PREFERENCES


def by_preference(field_value: str) -> list[str]:
    """Order what a client accepts, the most wanted first.

    >>> by_preference("da, en-gb;q=0.8, en;q=0.7, fr;q=0")
    ['da', 'en-gb', 'en']

    :arg field_value: value of an ``Accept``, ``Accept-Language`` or similar field.
    :returns: the elements without their parameters; those with weight 0, or with a weight that is
        no number, are left out. Equal weights keep their order.
    """
    weighted: list[tuple[float, str]] = []
    for element in field_value.split(",", MAX_PREFERENCES)[:MAX_PREFERENCES]:
        wanted, *parameters = element.split(";")
        weight = 1.0
        for parameter in parameters:
            name, _, value = parameter.partition("=")
            if name.strip().lower() == "q":
                weight = _weight(value.strip())
        wanted = wanted.strip()
        if wanted and weight > 0:
            weighted.append((weight, wanted))
    weighted.sort(key=lambda pair: -pair[0])
    return [wanted for _, wanted in weighted]


def _weight(text: str) -> float:
    try:
        weight = float(text)
    except ValueError:
        return 0.0
    return weight if weight >= 0 else 0.0  # also for "nan"
