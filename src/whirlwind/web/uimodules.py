"""UI modules: parts of pages with the scripts and styles they need."""

from collections.abc import Iterable, Iterator
from types import ModuleType
from typing import TYPE_CHECKING, Any

from whirlwind._public import claim
from whirlwind.escape import linkify

if TYPE_CHECKING:
    from whirlwind.httputil import HTTPServerRequest
    from whirlwind.locale import Locale
    from whirlwind.util import ObjectDict
    from whirlwind.web.handler import RequestHandler


class UIModule:
    """A part of a page that templates put in with ``{% module Name(...) %}``.

    Subclasses define `render`, and the other methods for what the page needs for it. One instance
    serves all uses of the module on a page. The setting ``ui_modules`` names the modules of an
    application.

    :arg handler: the `RequestHandler` whose page it is.

    :ivar handler: as given.
    :ivar request: its request.
    :ivar ui: its modules and methods.
    :ivar locale: its locale.
    """

    def __init__(self, handler: "RequestHandler") -> None:
        self.handler = handler
        self.request: HTTPServerRequest = handler.request
        self.ui: ObjectDict = handler.ui
        self.locale: Locale = handler.locale

    @property
    def current_user(self) -> Any:
        """The user of the request."""
        return self.handler.current_user

    def render(self, *args: Any, **kwargs: Any) -> str | bytes:
        """Hook: the HTML of this part.

        :arg args, kwargs: from the template.
        :returns: str or bytes; it is not escaped.
        """
        raise NotImplementedError(f"{type(self).__name__} must define render()")

    def embedded_javascript(self) -> str | bytes | None:
        """Hook: a script for the page."""
        return None

    def javascript_files(self) -> str | Iterable[str] | None:
        """Hook: URLs of scripts; relative ones are of static files."""
        return None

    def embedded_css(self) -> str | bytes | None:
        """Hook: a style sheet for the page."""
        return None

    def css_files(self) -> str | Iterable[str] | None:
        """Hook: URLs of style sheets; relative ones are of static files."""
        return None

    def html_head(self) -> str | bytes | None:
        """Hook: HTML for the end of the page's head."""
        return None

    def html_body(self) -> str | bytes | None:
        """Hook: HTML for the end of the page's body."""
        return None

    def render_string(self, path: str, **kwargs: Any) -> bytes:
        """The HTML that a template makes; see :meth:`RequestHandler.render_string`."""
        return self.handler.render_string(path, **kwargs)


class Linkify(UIModule):
    """The module ``linkify``: text with its URLs as links."""

    def render(self, text: str, **kwargs: Any) -> str:
        """The text as HTML.

        :arg text, kwargs: for :func:`whirlwind.escape.linkify`.
        """
        return linkify(text, **kwargs)


class XsrfFormHtml(UIModule):
    """The module ``xsrf_form_html``: the hidden field for forms."""

    def render(self) -> str:
        """The field; see :meth:`RequestHandler.xsrf_form_html`."""
        return self.handler.xsrf_form_html()


class TemplateModule(UIModule):
    """The module ``Template``: a part that consists of a template only.

    Unlike with ``include``, names of the page are not visible in it, only the arguments. The
    template can say what the page needs for it, by calling ``set_resources`` with the names of the
    methods of `UIModule`::

        {{ set_resources(javascript_files=[static_url("scroll.js")]) }}
    """

    def __init__(self, handler: "RequestHandler") -> None:
        super().__init__(handler)
        self._resources: dict[str, dict[str, Any]] = {}

    def render(self, path: str, **kwargs: Any) -> bytes:
        """The HTML of the template.

        :arg path: its name.
        :arg kwargs: names for it.
        :raises ValueError: it needs other things than the last time on this page.
        """

        def set_resources(**needed: Any) -> str:
            if self._resources.setdefault(path, needed) != needed:
                raise ValueError(
                    f"set_resources was called with different resources for the template {path!r}"
                )
            return ""

        return self.render_string(path, set_resources=set_resources, **kwargs)

    def _needed(self, name: str) -> Iterator[Any]:
        for resources in self._resources.values():
            if name in resources:
                yield resources[name]

    def _files(self, name: str) -> list[str]:
        return [url for urls in self._needed(name) for url in listed(urls)]

    def embedded_javascript(self) -> str:
        """Those of all templates."""
        return "\n".join(map(text_of, self._needed("embedded_javascript")))

    def javascript_files(self) -> list[str]:
        """Those of all templates."""
        return self._files("javascript_files")

    def embedded_css(self) -> str:
        """Those of all templates."""
        return "\n".join(map(text_of, self._needed("embedded_css")))

    def css_files(self) -> list[str]:
        """Those of all templates."""
        return self._files("css_files")

    def html_head(self) -> str:
        """Those of all templates."""
        return "".join(map(text_of, self._needed("html_head")))

    def html_body(self) -> str:
        """Those of all templates."""
        return "".join(map(text_of, self._needed("html_body")))


class UIModuleNamespace:
    """The UI modules of a handler by their names, as functions that render them."""

    __slots__ = ("handler", "ui_modules")

    def __init__(self, handler: "RequestHandler", ui_modules: dict[str, type[UIModule]]) -> None:
        self.handler: RequestHandler = handler
        self.ui_modules: dict[str, type[UIModule]] = ui_modules

    def __getitem__(self, name: str) -> Any:
        return self.handler._ui_module(name, self.ui_modules[name])

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(
                f"no UI module is called {name!r}; the setting ui_modules names them"
            ) from None


#: The modules that all applications have.
BUILT_IN: dict[str, type[UIModule]] = {
    "linkify": Linkify,
    "xsrf_form_html": XsrfFormHtml,
    "Template": TemplateModule,
}


def load_ui_modules(given: Any) -> dict[str, type[UIModule]]:
    """The UI modules of the setting ``ui_modules``, by name.

    :arg given: a dict, a Python module, or a list of such; what is no `UIModule` is left out.
    """
    return {
        name: item
        for name, item in _items(given, "ui_modules")
        if isinstance(item, type) and issubclass(item, UIModule)
    }


def load_ui_methods(given: Any) -> dict[str, Any]:
    """The functions of the setting ``ui_methods``, by name.

    :arg given: as above; names that do not begin with a lower-case letter are left out.
    """
    return {
        name: item
        for name, item in _items(given, "ui_methods")
        if name[:1].islower() and callable(item)
    }


def _items(given: Any, setting: str) -> Iterator[tuple[str, Any]]:
    if isinstance(given, ModuleType):
        given = vars(given)
    if isinstance(given, dict):
        yield from list(given.items())
    elif isinstance(given, (list, tuple)):
        for part in given:
            yield from _items(part, setting)
    else:
        raise TypeError(
            f"the setting {setting!r} must be a dict, a module or a list of such, "
            f"not {type(given).__name__}"
        )


def listed(urls: str | bytes | Iterable[str]) -> list[str]:
    """One URL or several, as a list."""
    return [text_of(urls)] if isinstance(urls, (str, bytes)) else list(urls)


def text_of(value: str | bytes) -> str:
    """A str, for what may also be UTF-8."""
    return value.decode("utf-8") if isinstance(value, bytes) else value


claim("whirlwind.web", UIModule, TemplateModule)
