"""The ways in which a body may drop a BVar: each is right, or refused."""

import array
import ast
import concurrent.futures
import copy
import dataclasses
import decimal
import fractions
import io
import json
import math
import multiprocessing.pool
import struct
import threading

import numpy as np
import pytest

from backprop_lift import backprop, grad_bp, lifted, twin_of
from backprop_lift.errors import ConversionError, LiftError

VECTOR = np.array([0.7, 1.9, 0.4])


@dataclasses.dataclass
class Pair:
    a: float
    b: float = 2.0


@dataclasses.dataclass(frozen=True)
class Doubling:
    a: float
    b: float = 2.0

    def __post_init__(self):
        object.__setattr__(self, "b", float(self.b) * 2)


def by_deep_copy(x):
    return copy.deepcopy([x, {"a": x}])[1]["a"] * x


def by_deep_copy_of_an_object(x):
    pair = Pair(x)
    return copy.deepcopy(pair).a * 2 + copy.copy(pair).a


def by_tuple_of_fields(x):
    return sum(dataclasses.astuple(Pair(x, x * x)))


def by_dict_of_fields(x):
    return dataclasses.asdict(Pair(x, x * x))["b"]


def by_replaced_field(x):
    return dataclasses.replace(Pair(x, 2.0), b=x).b * dataclasses.replace(Doubling(x), b=x).b


def by_split_number(x):
    fraction, exponent = math.frexp(x)
    return fraction * 2**exponent


def by_fine_rounding(x):
    return round(x * 100.0, 9)


def by_rounding(x):
    return round(x * 100) / 100 * x


def by_pool(x):
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        futures = [
            pool.submit(lambda k: sum(math.sin(x * k) for _ in range(200)), k) for k in range(4)
        ]
        done = concurrent.futures.as_completed(futures)
        return sum(future.result() for future in done) + sum(pool.map(math.exp, [x, 2 * x]))


@pytest.mark.parametrize(
    "f",
    [
        by_deep_copy,
        by_deep_copy_of_an_object,
        by_tuple_of_fields,
        by_dict_of_fields,
        by_replaced_field,
        by_split_number,
        by_fine_rounding,
        by_rounding,
        by_pool,
    ],
)
def test_bvar_is_kept(f, agrees):
    assert agrees(f, 0.83)


def test_deep_copy_of_an_array_is_no_view(agrees):
    def f(x):
        a = np.zeros(2)
        a[0] = x
        b = copy.deepcopy(a)
        a[0] = 3.0
        return b[0] * 2.0

    assert agrees(f, 0.83)


def by_formatted(x):
    return float(f"{x:.12g}") * 2


def by_format_method(x):
    return float("{:.12g}".format(x)) * 2  # noqa: UP032 - as in older code


def by_printf(x):
    return float("%.12g" % x) * 2


def by_text(x):
    return float(str(x))


def by_representation(x):
    return float(repr(x))


def by_text_in_numpy(x):
    return np.float64(f"{x}")


def by_text_and_eval(x):
    return eval(f"{x} * 2")


def by_decimal(x):
    return float(decimal.Decimal(x) * 2)


def by_decimal_of_text(x):
    return float(decimal.Decimal(str(x)) * 2)


def by_fraction(x):
    return float(fractions.Fraction(x) * 2)


def by_ratio(x):
    return x.as_integer_ratio()[0] / x.as_integer_ratio()[1]


def by_hexadecimal(x):
    return float.fromhex(x.hex())


def by_struct(x):
    return struct.unpack("d", struct.pack("d", x))[0]


def by_array_of_doubles(x):
    return array.array("d", [x, x])[0]


def by_json(x):
    return json.loads(json.dumps([x]))[0]


def by_memory(x):
    a = np.zeros(1)
    a[0] = x
    return sum(memoryview(a))


def by_hash(x):
    return hash(x) * 1.0


def by_key(x):
    return {x: 2.0}[x] * x


def by_key_of_text(x):
    table = {"0.83": 1.0}
    return table.get(repr(x), 2.0) * x


def by_large_rounding(x):
    return round(x * 1e15) / 1e15


def by_thread(x):
    out = []
    thread = threading.Thread(target=lambda: out.append(math.sin(x)))
    thread.start()
    thread.join()
    return out[0]


def by_thread_pool(x):
    with multiprocessing.pool.ThreadPool(2) as pool:
        return sum(pool.map(math.sin, [x, x * 2]))


def by_parts_of_a_text(x):
    whole, fraction = str(x).split(".")
    return float(whole) + float(f"0.{fraction}")


def by_mantissa(x):
    mantissa, exponent = f"{x:.15e}".split("e")
    return float(mantissa) * 10.0 ** int(exponent)


def by_digits(x):
    return int(str(x).replace(".", "")) / 100.0


def by_encoded_text(x):
    return float(str(x).encode())


def by_literal(x):
    return ast.literal_eval(repr(x))


def by_json_of_a_text(x):
    return json.loads(f"[{x}]")[0]


def by_array_of_texts(x):
    return np.array([str(x), "2"]).astype(float)[0]


def by_array_read_from_texts(x):
    return np.asarray([str(x), "2"], dtype=float)[0]


def by_text_of_an_array(x):
    return float(np.array2string(np.array([x]))[1:-1])


def by_text_as_file(x):
    return np.loadtxt(io.StringIO(f"{x} 2"))[0]


def by_bytes(x):
    return np.frombuffer(np.array([x]).tobytes())[0]


def by_bytes_unpacked(x):
    return struct.unpack("d", np.array([x]).tobytes())[0]


def by_key_of_bytes(x):
    return {b"": 1.0}.get(np.array([x]).tobytes(), 2.0) * x


def by_dtype_of_texts(x):
    return np.array([x]).astype(str).astype(float)[0]


def by_dtype_of_times(x):
    return np.array([x * 1e9]).astype("timedelta64[ns]")[0] / np.timedelta64(1, "s")


def by_dtype_of_records(x):
    return np.array([(x, x * x)], dtype=[("a", float), ("b", float)])["b"][0]


REFUSED = [
    by_formatted,
    by_parts_of_a_text,
    by_mantissa,
    by_digits,
    by_encoded_text,
    by_literal,
    by_json_of_a_text,
    by_array_of_texts,
    by_array_read_from_texts,
    by_text_of_an_array,
    by_text_as_file,
    by_bytes,
    by_bytes_unpacked,
    by_key_of_bytes,
    by_dtype_of_texts,
    by_dtype_of_times,
    by_dtype_of_records,
    by_format_method,
    by_printf,
    by_text,
    by_representation,
    by_text_in_numpy,
    by_text_and_eval,
    by_decimal,
    by_decimal_of_text,
    by_fraction,
    by_ratio,
    by_hexadecimal,
    by_struct,
    by_array_of_doubles,
    by_json,
    by_memory,
    by_hash,
    by_key,
    by_key_of_text,
    by_large_rounding,
    by_thread,
    by_thread_pool,
]


@pytest.mark.parametrize("f", REFUSED)
def test_what_drops_a_bvar_is_refused(f, mine):
    lifted(f, into=mine)

    with pytest.raises(LiftError):
        grad_bp(twin_of(f, mine), 0.83)


@pytest.mark.parametrize("f", REFUSED)
def test_refusal_that_is_swallowed_is_raised_again(f, mine):
    def swallowing(x):
        try:
            return f(x)
        except Exception:
            return 1.79e308 * x

    lifted(swallowing, into=mine)

    with pytest.raises((LiftError, TypeError)):
        grad_bp(twin_of(swallowing, mine), 0.83)


def test_printing_is_no_drop(agrees, capsys):
    def f(x):
        print(x, f"{x:.3f}", str(x))
        return math.sin(x)

    assert agrees(f, 0.5)
    assert "0.5 0.500 0.5" in capsys.readouterr().out


def test_numbers_read_from_other_texts_are_plain(agrees):
    assert agrees(lambda x: np.loadtxt(io.StringIO("1.5 2"))[0] * x + len(np.frombuffer(b"")), 0.83)
    assert agrees(lambda x: float("2.5") * x + float(f"{2.5:.2f}") * np.float64("0.5") * x, 0.83)


def test_error_of_the_original_stays_what_it_is(mine):
    def f(x):
        return [x][5]

    lifted(f, into=mine)

    with pytest.raises(IndexError):
        grad_bp(twin_of(f, mine), 0.83)


def message(x):
    told = "%g of %5.2f, %d%% of %s" % (x, x * 2, 50, [x])
    return x * len(told)


def message_by_name(x):
    return x * len("%(x)g" % {"x": x})


def message_of_one(x):
    texts = ["%g" % y for y in (x, 2.0 * x)]
    return x * len(", ".join(texts))


@pytest.mark.parametrize("f", [message, message_by_name, message_of_one])
def test_number_may_be_printed_into_a_template(f, mine):
    lifted(f, into=mine)

    value, gradient = backprop(twin_of(f, mine), 2.5)

    assert value == f(2.5)
    assert gradient == f(2.5) / 2.5


def test_number_read_from_a_template_is_refused(mine):
    def f(x):
        return float("%.12g" % x) * x

    lifted(f, into=mine)

    with pytest.raises(ConversionError, match="printed into"):
        backprop(twin_of(f, mine), 2.5)
