"""The language's Liquid at work: with its rule for what is missing, and with firm limits.

Tags and filters are those of ``language.liquid``, where the check has them from too. Rule 21: printing, filtering or
looping over what is missing is an error; ``default``, ``if``, ``unless``, ``case`` and comparisons take it as nil; what
is there and null prints nothing. Values are reached through mappings and lists alone, never through attributes, and
there is no clock: python-liquid's own ``now`` and ``today`` are left out of the scope.
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from functools import cached_property, wraps
from io import StringIO
from typing import TYPE_CHECKING, Any, Final, cast

import orjson
from liquid import RenderContext
from liquid.ast import BlockNode
from liquid.builtin.content import ContentNode
from liquid.builtin.expressions import FilteredExpression, Path, PositionalArgument, StringLiteral
from liquid.builtin.expressions.primitive import FloatLiteral, IntegerLiteral
from liquid.builtin.output import Output, OutputNode
from liquid.exceptions import (
    FilterArgumentError,
    FilterError,
    LiquidError,
    LiquidInterrupt,
    LiquidSyntaxError,
    LiquidTypeError,
    LoopIterationLimitError,
    OutputStreamLimitError,
    StopRender,
    UndefinedError,
)
from liquid.stringify import to_liquid_string
from liquid.template import BoundTemplate
from liquid.undefined import UNDEFINED, FalsyStrictUndefined
from liquid.utils import ReadOnlyChainMap
from markupsafe import Markup, escape

from tamshy.language.liquid import liquid_environment
from tamshy.render.manner import Manner

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import TextIO

    from liquid import Environment, Token, TokenStream
    from liquid.ast import Node
    from liquid.builtin.expressions import Literal
    from liquid.builtin.expressions.filtered import Filter
    from liquid.builtin.tags.for_tag import ForLoop
    from liquid.builtin.tags.tablerow_tag import TableRow
    from liquid.expression import Expression

    from tamshy.render.tracking import Tracking

MAX_OUTPUT: Final = 512 * 1024
"""The most that one message may say, in bytes, and any value on the way, in characters."""
MAX_ITERATIONS: Final = 100_000
MAX_BITS: Final = 256
MAX_LOCALS: Final = 8 * 1024 * 1024
# One above what the check lets an author nest: a link of ours may stand in the innermost block.
MAX_NESTING: Final = 31
_SPECIAL: Final = re.compile("[&<>\"']")
_LONG: Final = 4096
_NOBODY: Final = Manner("en", "UTC", "", "")
_LITERALS: Final = frozenset({StringLiteral, IntegerLiteral, FloatLiteral})


class _Scope(ReadOnlyChainMap):
    """The library's chain of names, looked through without an exception for each mapping that lacks one."""

    def __getitem__(self, key: str) -> object:
        for mapping in self._maps:
            if key in mapping:
                return mapping[key]
        raise KeyError(key)


class Missing(FalsyStrictUndefined):
    """What a path leads to when nothing is there; ``msg`` names the path."""


class Context(RenderContext):
    """What a template can see while it runs: the scope, how values are written, and the links met on the way.

    Args:
        template: the template that runs.
        scope: the roots, as plain JSON values.
        manner: locale, zone, currency and moment that filters follow.
        tracking: collects links; None where links have no meaning (subjects, values).
        picks: what the filter ``recommend`` may give.
    """

    __slots__ = ("buffers", "iterations", "manner", "picks", "tracking")

    def __init__(
        self,
        template: BoundTemplate,
        scope: Mapping[str, object],
        manner: Manner,
        tracking: Tracking | None = None,
        picks: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(template, globals=scope)
        self.scope = _Scope(self.locals, self.globals, self.counters)
        self.manner = manner
        self.tracking = tracking
        self.picks = picks or {}
        self.iterations = 0
        self.buffers: list[StringIO] = []

    def get(self, path: list[object], *, token: Token | None, default: object = UNDEFINED) -> object:
        """Follow a path from the scope; what is not there is ``Missing``."""
        try:
            found = self.scope[cast("str", path[0])]  # anything else is simply not there
            for key in path[1:]:
                found = self.get_item(found, key)
        except (KeyError, TypeError, IndexError):
            if default is not UNDEFINED:
                return default
            return _missing(path, token)
        return found

    def get_item(self, obj: Any, key: Any) -> Any:  # noqa: ANN401  values are whatever a shop has sent
        """One step of a path. On mappings a key is a key, so that a product without a ``size`` has none."""
        if type(obj) is dict:
            return obj[key]
        if type(obj) is Missing or type(key) is Missing or type(key) is bool:
            raise KeyError(key)
        if isinstance(key, int):
            if isinstance(obj, (list, tuple, range)):
                return obj[key]
            raise KeyError(key)
        if isinstance(obj, (list, tuple, range, str)) and key == "size":
            return len(obj)
        if isinstance(obj, (list, tuple, range)) and key in {"first", "last"}:
            return obj[0 if key == "first" else -1]
        return obj[key]

    def raise_for_loop_limit(self, length: int = 1) -> None:
        """Count all rounds of all loops together, nested or one after the other."""
        self.iterations += length
        if self.iterations > MAX_ITERATIONS:
            raise LoopIterationLimitError(f"more than {MAX_ITERATIONS} rounds of loops", token=None)

    @contextmanager
    def loop(self, namespace: Mapping[str, object], forloop: ForLoop | TableRow) -> Iterator[RenderContext]:
        """Run a loop, with a look at what has been written before each round."""
        forloop.it = self._watched(forloop.it)
        with super().loop(namespace, forloop) as context:
            yield context

    def _watched(self, rounds: Iterator[object]) -> Iterator[object]:
        buffer = self.buffers[-1]
        for one in rounds:
            if buffer.tell() > MAX_OUTPUT:
                raise _too_much()
            yield one

    def get_buffer(self, buf: TextIO | None = None) -> StringIO:  # noqa: ARG002  python-liquid's signature
        """Give a text to write to, and keep it in view.

        The library's own limited one counts each of the hundreds of writes of a mail; looking at rounds of loops and at
        long values, without which nothing grows, costs nothing.
        """
        buffer = StringIO()
        self.buffers.append(buffer)
        return buffer


def _too_much() -> OutputStreamLimitError:
    return OutputStreamLimitError(f"more than {MAX_OUTPUT // 1024} kB of output", token=None)


def _dotted(path: list[object]) -> str:
    head, *rest = path
    return str(head) + "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in rest)


class _Filtering:
    """A filter of ``{{ … }}``, with whatever does not depend on the recipient worked out when the template is parsed."""

    __slots__ = ("args", "contextual", "filter", "function", "lets_text_be")

    def __init__(self, one: Filter, env: Environment) -> None:
        self.filter = one
        literal = all(type(arg) is PositionalArgument and type(arg.value) in _LITERALS for arg in one.args)
        self.function = env.filters.get(one.name) if literal else None
        self.args = tuple(_literal(arg.value, env) for arg in one.args) if literal else ()
        self.contextual = getattr(self.function, "with_context", False)
        # what is said by default is asked for only where there is no text
        self.lets_text_be = self.function is not None and one.name == "default"
        if getattr(self.function, "with_environment", False):
            self.function = None

    def evaluate(self, value: object, context: RenderContext) -> object:
        """What the library's own ``Filter.evaluate`` does, and says when it fails."""
        if self.function is None:
            return self.filter.evaluate(value, context)
        try:
            if self.contextual:
                return self.function(value, *self.args, context=context)
            return self.function(value, *self.args)
        except TypeError as exc:
            raise LiquidTypeError(f"{self.filter.name}: {exc}", token=self.filter.token) from exc
        except (LiquidTypeError, FilterArgumentError) as exc:
            exc.token = self.filter.token
            raise


def _literal(value: Expression, env: Environment) -> object:
    """What a literal evaluates to: a text of the author's own needs no escaping."""
    if type(value) is StringLiteral:
        return Markup(value.value) if env.autoescape else value.value  # noqa: S704  the author's, as the library has it
    return cast("Literal[object]", value).value


class _Printed(OutputNode):
    """``{{ … }}``: mappings print as JSON, not as Python would show them.

    Most of a mail's time is spent here, so that paths made of plain names are followed without a detour.
    """

    __slots__ = ("filters", "path", "rest", "root", "start")

    def __init__(self, token: Token, expression: Expression) -> None:
        super().__init__(token, expression)
        self.path: list[object] | None = None
        self.start: Token = token
        self.root = ""
        self.rest: tuple[object, ...] = ()
        self.filters: list[_Filtering] = []
        if isinstance(expression, FilteredExpression) and isinstance(expression.left, Path):
            path = expression.left.path
            if all(type(segment) is not Path for segment in path) and isinstance(path[0], str):
                self.path, self.start = list(path), expression.left.token
                self.root, self.rest = path[0], tuple(path[1:])

    def settle(self, env: Environment) -> None:
        """Work out what the environment knows of the filters."""
        if self.path is not None and isinstance(self.expression, FilteredExpression):
            self.filters = [_Filtering(one, env) for one in self.expression.filters or []]

    def render_to_output(self, context: RenderContext, buffer: TextIO) -> int:
        if self.path is None:
            value = self.expression.evaluate(context)
        else:
            try:
                value = context.scope[self.root]
                for key in self.rest:
                    value = value[key] if type(value) is dict else context.get_item(value, key)
            except (KeyError, TypeError, IndexError):
                value = _missing(self.path, self.start)
            for one in self.filters:
                if not (one.lets_text_be and type(value) is str and value):
                    value = one.evaluate(value, context)
        if type(value) is str:
            text = str(escape(value)) if context.autoescape and _SPECIAL.search(value) else value
        else:
            text = _text(value, autoescape=context.autoescape)
        if len(text) > _LONG and buffer.tell() + len(text) > MAX_OUTPUT:
            raise _too_much()
        return buffer.write(text)


def _missing(path: list[object], token: Token | None) -> Missing:
    return Missing(_dotted(path), hint=f"{_dotted(path)} is missing", token=token)


def _text(value: object, *, autoescape: bool) -> str:
    if isinstance(value, Missing):
        raise UndefinedError(_msg(value), token=value.token)
    if isinstance(value, dict) or (isinstance(value, list) and any(isinstance(item, (dict, list)) for item in value)):
        value = orjson.dumps(value, default=str).decode()
    return to_liquid_string(value, autoescape)


def _msg(value: Missing) -> str:
    return str(value.msg)


class _Output(Output):
    node_class = _Printed

    def parse(self, stream: TokenStream) -> OutputNode:
        node = super().parse(stream)
        if isinstance(node, _Printed):
            node.settle(self.env)
        return node


class _Block(BlockNode):
    """A block within a tag, without a look at disabled tags, which there are not, and a generator for each round."""

    __slots__ = ()

    def render_to_output(self, context: RenderContext, buffer: TextIO) -> int:
        if self.blank:
            return super().render_to_output(context, buffer)
        written = 0
        for node in self.nodes:
            written += node.render_to_output(context, buffer)
        return written


class Parsed(BoundTemplate):
    """A template as the environments make it."""

    context_class = Context

    def __init__(self, env: Environment, nodes: list[Node], *args: Any, **kwargs: Any) -> None:  # noqa: ANN401  the library's
        super().__init__(env, nodes, *args, **kwargs)
        context = Context(self, {}, _NOBODY)
        waiting = list(nodes)
        while waiting:
            node = waiting.pop()
            if type(node) is BlockNode:
                node.__class__ = _Block
            waiting += node.children(context)

    @cached_property
    def constant(self) -> str | None:
        """What it says to everybody; None where that depends on who reads it."""
        texts = [node.text if type(node) is ContentNode else None for node in self.nodes]
        return None if None in texts else "".join(cast("list[str]", texts))

    def render_with_context(
        self,
        context: RenderContext,
        buffer: TextIO,
        *_args: object,
        partial: bool = False,  # noqa: ARG002  there are no partial templates
        block_scope: bool = False,  # noqa: ARG002
        **_kwargs: object,
    ) -> None:
        """What the library does, without a scope for partial templates and a look at disabled tags, which there are not."""
        node: Node | None = None
        try:
            for node in self.nodes:
                node.render_to_output(context, buffer)
        except StopRender:
            return
        except LiquidInterrupt as exc:
            self.env.error(LiquidSyntaxError(f"unexpected '{exc}'", token=None if node is None else node.token))
        except LiquidError as exc:
            self.env.error(exc, token=None if node is None else node.token)


def environment(*, autoescape: bool, filters: Mapping[str, Callable[..., object]]) -> Environment:
    """Make the environment that templates are parsed and run in.

    Args:
        autoescape: True for HTML; False for subjects, plain text and values.
        filters: further filters by name (``money``, ``date``, ``plural``), called with ``context``.
    """
    env = liquid_environment(autoescape=autoescape, filters=filters)
    env.undefined = Missing
    env.template_class = Parsed
    env.add_tag(_Output)
    _limit(env)
    for name, function in env.filters.items():
        if name != "default":
            env.filters[name] = _guarded(name, function)
    return env


def _limit(env: Environment) -> None:
    """The limits that come out the same on every machine; time and memory are the child's."""
    env.block_nesting_limit = MAX_NESTING  # type: ignore[misc]  # class variables of the library's, read through the instance
    env.context_depth_limit = MAX_NESTING  # type: ignore[misc]
    env.loop_iteration_limit = MAX_ITERATIONS  # type: ignore[misc]
    env.local_namespace_limit = MAX_LOCALS  # type: ignore[misc]
    env.output_stream_limit = MAX_OUTPUT  # type: ignore[misc]


def _guarded(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """Refuse what is missing, on either side of the filter, and whatever would grow without bound."""

    @wraps(function)  # carries python-liquid's `with_context` marks along
    def guarded(value: object, *args: object, **kwargs: object) -> object:
        for given in (value, *args, *kwargs.values()):
            if type(given) is Missing:
                raise UndefinedError(_msg(given), token=given.token)
            if type(given) is range and len(given) > MAX_ITERATIONS:
                raise FilterError(f"{name}: a range of more than {MAX_ITERATIONS} numbers", token=None)
        try:
            result = function(value, *args, **kwargs)
        except (ArithmeticError, AttributeError, LookupError, ValueError) as exc:
            raise FilterError(f"{name}: {exc.args[0] if exc.args else exc}", token=None) from exc
        return _bounded(name, result)

    return guarded


def _bounded(name: str, result: object) -> object:
    if isinstance(result, str):
        if len(result) > MAX_OUTPUT:
            raise OutputStreamLimitError(f"{name}: a text of more than {MAX_OUTPUT} characters", token=None)
    elif isinstance(result, int):
        if result.bit_length() > MAX_BITS:
            raise FilterError(f"{name}: a number of more than {MAX_BITS} bits", token=None)
    elif isinstance(result, (list, tuple)) and len(result) > MAX_ITERATIONS:
        raise FilterError(f"{name}: a list of more than {MAX_ITERATIONS} members", token=None)
    return result


def place(error: LiquidError) -> int | None:
    """Where in the template's text an error arose: an offset, None where the library does not know."""
    return None if error.token is None or error.token.start_index < 0 else error.token.start_index
