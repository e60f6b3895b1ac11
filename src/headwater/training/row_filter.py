"""Evaluates a request's `where`: a small expression over the columns, never code.

The grammar is a part of Python's (so that nobody learns a new one), read by
Python's own parser and evaluated here node by node over an allow-list: column
names, numbers, texts, `+ - * / %`, comparisons, `in`, `is None`, `and`, `or`,
`not`. A column whose name is no identifier stands in backticks. There are no
calls, attributes or subscripts, so nothing can be reached from an expression
but the columns.

A comparison with a missing value is neither true nor false, as in SQL, and a
row is kept only where the whole expression is true.
"""

import ast
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from headwater.errors import did_you_mean
from headwater.training.errors import InvalidFilter

_QUOTED_OR_BACKTICKS = re.compile(r"""("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|`([^`]+)`""")
_MAX_LENGTH = 2_000
_MAX_DEPTH = 50
_COMPARISONS = {
    ast.Eq: "equal",
    ast.NotEq: "not_equal",
    ast.Lt: "less",
    ast.LtE: "less_equal",
    ast.Gt: "greater",
    ast.GtE: "greater_equal",
}
_ARITHMETIC = {ast.Add: "add", ast.Sub: "subtract", ast.Mult: "multiply", ast.Div: "divide"}
_ALLOWED = "Column names, numbers, texts, + - * /, comparisons, in, is None, and, or, not are allowed."
_HINT = f"Write it as in `PetalWidth > 0 and Species != 'setosa'`. {_ALLOWED}"

Kind = Literal["number", "text", "boolean", "nothing"]


@dataclass(frozen=True)
class _Value:
    """A column or a constant while it is evaluated, and what to call it in a message."""

    kind: Kind
    data: Any  # a pyarrow array or a Python constant: pyarrow ships no types
    source: str

    @property
    def is_column(self) -> bool:
        return hasattr(self.data, "type")


@dataclass(frozen=True)
class RowFilter:
    """A parsed expression."""

    text: str
    body: ast.expr
    quoted: dict[str, str]

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that the expression names, in order of first use."""
        names = [node.id for node in ast.walk(self.body) if isinstance(node, ast.Name)]
        return tuple(dict.fromkeys(self.quoted.get(name, name) for name in names))

    def mask(self, table: Any) -> Any:
        """Returns a boolean array, true where the row is kept and false otherwise.

        Args:
            table: A pyarrow table whose columns are numbers, texts or booleans.

        Raises:
            InvalidFilter: A column does not exist, or an operation does not fit its type.
        """
        import pyarrow.compute as pc

        unknown = [name for name in self.columns if name not in table.column_names]
        if unknown:
            raise InvalidFilter(
                f"`where` names the column {unknown[0]!r}, which the data does not have.",
                hint=did_you_mean(unknown[0], table.column_names),
            )
        result = _Evaluation(table, self).value(self.body)
        if result.kind != "boolean" or not self.columns:
            raise InvalidFilter(
                f"`where` is {self.text!r}, which is not true or false for a row.", hint=_HINT
            )
        return pc.fill_null(result.data, fill_value=False)


def parse_filter(text: str) -> RowFilter:
    """Returns the expression, checked against the grammar.

    Raises:
        InvalidFilter: It is not an expression, or uses something outside the grammar.
    """
    quoted: dict[str, str] = {}

    def stand_in(match: re.Match[str]) -> str:
        if match.group(2) is None:
            return match.group(1)
        name = f"_column_{len(quoted)}_"
        quoted[name] = match.group(2)
        return name

    if len(text) > _MAX_LENGTH:
        raise InvalidFilter(f"`where` is longer than {_MAX_LENGTH} characters.", hint=_HINT)
    try:
        body = ast.parse(_QUOTED_OR_BACKTICKS.sub(stand_in, text).strip(), mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        reason = getattr(error, "msg", None) or "it is nested too deeply"
        raise InvalidFilter(
            f"`where` is {text!r}, which is not an expression: {reason}.", hint=_HINT
        ) from None
    _check(body, text)
    return RowFilter(text=text, body=body, quoted=quoted)


def _check(body: ast.expr, text: str) -> None:
    level: Sequence[ast.AST] = [body]
    for _ in range(_MAX_DEPTH):
        for node in level:
            if not _is_allowed(node):
                what = ast.unparse(node) if isinstance(node, ast.expr) else type(node).__name__
                raise InvalidFilter(f"`where` is {text!r}; {what!r} is not allowed in it.", hint=_HINT)
        level = [child for node in level for child in ast.iter_child_nodes(node)]
        if not level:
            return
    raise InvalidFilter(f"`where` is nested more than {_MAX_DEPTH} levels deep.", hint=_HINT)


def _is_allowed(node: ast.AST) -> bool:
    if isinstance(node, ast.Constant):
        return node.value is None or type(node.value) in (int, float, str, bool)
    plain = (ast.Name, ast.Load, ast.BoolOp, ast.And, ast.Or, ast.UnaryOp, ast.Not, ast.USub, ast.UAdd)
    lists = (ast.Compare, ast.In, ast.NotIn, ast.Is, ast.IsNot, ast.List, ast.Tuple, ast.BinOp)
    return isinstance(node, (*plain, *lists, *_COMPARISONS, *_ARITHMETIC))


class _Evaluation:
    """Computes the nodes of one expression over one table."""

    def __init__(self, table: Any, row_filter: RowFilter) -> None:
        self._table = table
        self._filter = row_filter

    def value(self, node: ast.expr) -> _Value:
        if isinstance(node, ast.Name):
            return self._column(node)
        if isinstance(node, ast.Constant):
            return _constant(node.value)
        if isinstance(node, ast.BoolOp):
            return self._bool_op(node)
        if isinstance(node, ast.UnaryOp):
            return self._unary(node)
        if isinstance(node, ast.BinOp):
            return self._arithmetic(node)
        if isinstance(node, ast.Compare):
            return self._compare(node)
        raise InvalidFilter(f"`where` is {self._filter.text!r}; a list stands only after `in`.", hint=_HINT)

    def _column(self, node: ast.Name) -> _Value:
        import pyarrow.types as pt

        name = self._filter.quoted.get(node.id, node.id)
        data = self._table[name]
        kind: Kind = "number"
        if pt.is_string(data.type):
            kind = "text"
        elif pt.is_boolean(data.type):
            kind = "boolean"
        return _Value(kind, data, f"the column {name!r}")

    def _bool_op(self, node: ast.BoolOp) -> _Value:
        import pyarrow.compute as pc

        combine = pc.and_kleene if isinstance(node.op, ast.And) else pc.or_kleene
        values = [self._expect(self.value(part), "boolean") for part in node.values]
        data = values[0].data
        for value in values[1:]:
            data = combine(data, value.data)
        return _Value("boolean", data, "an expression")

    def _unary(self, node: ast.UnaryOp) -> _Value:
        import pyarrow.compute as pc

        operand = self.value(node.operand)
        if isinstance(node.op, ast.Not):
            return _Value("boolean", pc.invert(self._expect(operand, "boolean").data), "an expression")
        self._expect(operand, "number")
        if isinstance(node.op, ast.UAdd):
            return operand
        negated = pc.negate(_real(operand)) if operand.is_column else -operand.data
        return _Value("number", negated, operand.source)

    def _arithmetic(self, node: ast.BinOp) -> _Value:
        import pyarrow.compute as pc

        left, right = (self._expect(self.value(side), "number") for side in (node.left, node.right))
        operation = getattr(pc, _ARITHMETIC[type(node.op)])
        return _Value("number", operation(_real(left), _real(right)), "an expression")

    def _compare(self, node: ast.Compare) -> _Value:
        import pyarrow.compute as pc

        result: Any = None
        left = node.left
        for operator, right in zip(node.ops, node.comparators, strict=True):
            step = self._one_comparison(left, operator, right)
            result = step if result is None else pc.and_kleene(result, step)
            left = right
        return _Value("boolean", result, "an expression")

    def _one_comparison(self, left: ast.expr, operator: ast.cmpop, right: ast.expr) -> Any:
        import pyarrow.compute as pc

        if isinstance(operator, ast.In | ast.NotIn):
            found = self._membership(self.value(left), right)
            return pc.invert(found) if isinstance(operator, ast.NotIn) else found
        first, second = self.value(left), self.value(right)
        if isinstance(operator, ast.Is | ast.IsNot):
            if second.kind != "nothing" or not first.is_column:
                raise InvalidFilter(
                    f"`where` is {self._filter.text!r}; `is` stands only before None.", hint=_HINT
                )
            return pc.is_valid(first.data) if isinstance(operator, ast.IsNot) else pc.is_null(first.data)
        if "nothing" in (first.kind, second.kind):
            raise InvalidFilter(f"`where` is {self._filter.text!r}; None is compared with `is`.", hint=_HINT)
        self._same_kind(first, second)
        return getattr(pc, _COMPARISONS[type(operator)])(first.data, second.data)

    def _membership(self, value: _Value, members: ast.expr) -> Any:
        import pyarrow as pa
        import pyarrow.compute as pc

        if not isinstance(members, ast.List | ast.Tuple):
            raise InvalidFilter(f"`where` is {self._filter.text!r}; after `in` stands a list.", hint=_HINT)
        items = [self.value(element) for element in members.elts]
        for item in items:
            if item.is_column:
                raise InvalidFilter(
                    f"`where` is {self._filter.text!r}; the list holds constants.", hint=_HINT
                )
            self._same_kind(value, item)
        data = _real(value) if value.kind == "number" else value.data
        found = pc.is_in(data, value_set=pa.array([item.data for item in items], type=data.type))
        return pc.if_else(pc.is_valid(data), found, None)

    def _same_kind(self, first: _Value, second: _Value) -> None:
        if first.kind != second.kind:
            raise InvalidFilter(
                f"`where` compares {first.source} ({first.kind}) with {second.source} ({second.kind}).",
                hint="Compare numbers with numbers and texts with quoted texts.",
            )

    def _expect(self, value: _Value, kind: Kind) -> _Value:
        if value.kind != kind:
            raise InvalidFilter(
                f"`where` is {self._filter.text!r}; {value.source} is a {value.kind}, and a {kind} is needed there.",
                hint=_HINT,
            )
        return value


def _constant(value: Any) -> _Value:
    if value is None:
        return _Value("nothing", None, "None")
    if isinstance(value, bool):
        return _Value("boolean", value, str(value))
    return _Value("text" if isinstance(value, str) else "number", value, repr(value))


def _real(value: _Value) -> Any:
    import pyarrow as pa
    import pyarrow.compute as pc

    return (
        pc.cast(value.data, pa.float64()) if value.is_column else pa.scalar(float(value.data), pa.float64())
    )
