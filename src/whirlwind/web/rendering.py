"""Pages from templates: the methods of ``RequestHandler`` that make them."""

import os.path
import sys
import threading
from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar
from weakref import WeakKeyDictionary

from whirlwind.escape import utf8, xhtml_escape
from whirlwind.util import ObjectDict
from whirlwind.web.hooks import is_method_of
from whirlwind.web.locations import is_absolute
from whirlwind.web.response import BREAK_CYCLES_HOOK
from whirlwind.web.uimodules import UIModule, UIModuleNamespace, listed

if TYPE_CHECKING:
    from whirlwind.httputil import HTTPServerRequest
    from whirlwind.template import BaseLoader
    from whirlwind.web.application import Application

#: Loaders by the path of their templates and the function that made them.
_Loaders = dict[tuple[str | None, Any], "BaseLoader"]

# Frames of this package, and those of templates, do not say where a page's template lies.
_OURS = __name__.rpartition(".")[0]


class RenderingMixin:
    """The methods of ``RequestHandler`` that put out templates."""

    __slots__ = ()

    #: The template loaders of each application; ``clear()`` makes them anew.
    _template_loaders: ClassVar["WeakKeyDictionary[Application, _Loaders]"] = WeakKeyDictionary()
    _template_loader_lock: ClassVar[threading.Lock] = threading.Lock()

    application: "Application"
    request: "HTTPServerRequest"
    _finished: bool
    _ww_original: int
    _ww_ui: ClassVar[Any] = None
    # None until a page has a module.
    _active_modules: ClassVar[Any] = None

    if TYPE_CHECKING:

        @property
        def settings(self) -> dict[str, Any]: ...
        def require_setting(self, name: str, feature: str = ...) -> None: ...
        def finish(self, chunk: Any = ...) -> Any: ...

    def render(self, template_name: str, **kwargs: Any) -> Any:
        """Finish the response with a page that a template makes.

        The scripts and styles that its UI modules need are put in.

        :arg template_name: name of the template, usually the path of its file relative to
            `get_template_path`.
        :arg kwargs: names for the template.
        :returns: what `finish` returns.
        :raises RuntimeError: the response is finished.
        """
        if self._finished:
            raise RuntimeError("Cannot render() after finish()")
        page = self.render_string(template_name, **kwargs)
        modules: dict[str, UIModule] | None = self._active_modules
        if modules:
            page = self._ww_with_resources(page, list(modules.values()))
        return self.finish(page)

    def render_string(self, template_name: str, **kwargs: Any) -> bytes:
        """The page that a template makes, without what its UI modules need.

        :arg template_name, kwargs: as for `render`.
        :returns: bytes, UTF-8.
        """
        path = self.get_template_path()
        if not path:
            path = _directory_of_caller()
        template = self._ww_template_loader(path).load(template_name)
        names = self.get_template_namespace()
        if kwargs:
            names.update(kwargs)
        generate = template.generate
        if is_method_of(generate, getattr(type(template), "_ww_original", self)):
            return template._ww_generate(names)
        return generate(**names)  # replaced, or another template engine

    def get_template_namespace(self) -> dict[str, Any]:
        """Hook: the names that all templates of this handler can use.

        :returns: a new dict: ``handler``, ``request``, ``current_user``, ``locale``, ``_`` and
            ``pgettext`` for translations, ``static_url``, ``xsrf_form_html``, ``reverse_url``, and
            the UI methods and modules.
        """
        handler: Any = self
        user = handler.current_user  # the language may depend on who it is
        locale = handler.locale
        names = {
            "handler": handler,
            "request": handler.request,
            "current_user": user,
            "locale": locale,
            "_": locale.translate,
            "pgettext": locale.pgettext,
            "static_url": handler.static_url,
            "xsrf_form_html": handler.xsrf_form_html,
            "reverse_url": handler.reverse_url,
        }
        names.update(handler.ui)
        return names

    def get_template_path(self) -> str | None:
        """Hook: the directory of this handler's templates; the setting ``template_path``.

        :returns: a path, None for the directory of the file that calls `render`.
        """
        path: str | None = self.settings.get("template_path")
        return path

    def create_template_loader(self, template_path: str) -> "BaseLoader":
        """Hook: make the loader for the templates of a directory.

        It is made once for each directory, and kept. Settings: ``template_loader`` is a loader to
        use instead, ``autoescape`` and ``template_whitespace`` are for `Loader`.

        :arg template_path: the directory.
        """
        from whirlwind.template import Loader

        settings = self.settings
        loader: BaseLoader
        if "template_loader" in settings:
            loader = settings["template_loader"]
            return loader
        options = {
            option: settings[setting]
            for setting, option in (
                ("autoescape", "autoescape"),
                ("template_whitespace", "whitespace"),
            )
            if setting in settings
        }
        return Loader(template_path, **options)

    def _ww_template_loader(self, path: str) -> "BaseLoader":
        # Of this application and this way of making them: others have other settings.
        all_loaders = self._template_loaders
        loaders = all_loaders.get(self.application)
        if loaders is None:
            loaders = all_loaders.setdefault(self.application, {})
        key = (path, type(self).create_template_loader)
        loader = loaders.get(key)
        if loader is None:
            with self._template_loader_lock:
                loader = loaders.get(key)
                if loader is None:
                    loader = loaders[key] = self.create_template_loader(path)
        return loader

    # --- UI modules -----------------------------------------------------------------------------

    @property
    def ui(self) -> ObjectDict:
        """The UI methods, and under ``modules`` the UI modules, of the application."""
        ui: ObjectDict | None = self._ww_ui
        if ui is None:
            handler: Any = self
            application = self.application
            modules = UIModuleNamespace(handler, application.ui_modules)
            ui = ObjectDict(_tt_modules=modules, modules=modules)
            if application.ui_methods:
                for name, method in application.ui_methods.items():
                    ui[name] = self._ui_method(method)
            self._ww_ui = ui  # type: ignore[misc] # the assembled class has a dict
            # Now there is something that refers back.
            self._ww_original &= ~BREAK_CYCLES_HOOK  # type: ignore[misc] # likewise
        return ui

    @ui.setter
    def ui(self, value: Any) -> None:
        self._ww_ui = value  # type: ignore[misc] # likewise

    def _ui_method(self, method: Callable[..., Any]) -> Callable[..., Any]:
        return partial(method, self)

    def _ui_module(self, name: str, module: type[UIModule]) -> Callable[..., str | bytes]:
        """A function that renders a module; the page has one instance of it."""
        handler: Any = self

        def render(*args: Any, **kwargs: Any) -> str | bytes:
            active = self._active_modules
            if active is None:
                active = self._active_modules = {}  # type: ignore[misc] # likewise
            instance = active.get(name)
            if instance is None:
                instance = active[name] = module(handler)
            rendered: str | bytes = instance.render(*args, **kwargs)
            return rendered

        return render

    def _break_cycles(self) -> None:
        """Let go of what refers back to this handler."""
        # Not by way of ``__dict__``: Python would make that dict, which an instance is without.
        if self._ww_ui is not None:
            self._ww_ui = None  # type: ignore[misc] # likewise
        if self._active_modules is not None:
            self._active_modules = None  # type: ignore[misc] # likewise

    def _ww_with_resources(self, page: bytes, modules: list[UIModule]) -> bytes:
        """A page with what its modules need; the hooks put each file in once."""
        scripts: list[str] = []
        styles: list[str] = []
        script_texts: list[bytes] = []
        style_texts: list[bytes] = []
        heads: list[bytes] = []
        bodies: list[bytes] = []
        for module in modules:
            for texts, text in (
                (script_texts, module.embedded_javascript()),
                (style_texts, module.embedded_css()),
                (heads, module.html_head()),
                (bodies, module.html_body()),
            ):
                if text:
                    texts.append(utf8(text))
            for files, urls in (
                (scripts, module.javascript_files()),
                (styles, module.css_files()),
            ):
                if urls:
                    files.extend(listed(urls))
        for_body = [
            *([utf8(self.render_linked_js(scripts))] if scripts else ()),
            *([self.render_embed_js(script_texts)] if script_texts else ()),
            *([b"".join(bodies)] if bodies else ()),
        ]
        for_head = [
            *([utf8(self.render_linked_css(styles))] if styles else ()),
            *([self.render_embed_css(style_texts)] if style_texts else ()),
            *([b"".join(heads)] if heads else ()),
        ]
        if for_body:
            page = _inserted(page, page.rfind(b"</body>"), for_body, "</body>")
        if for_head:
            page = _inserted(page, page.find(b"</head>"), for_head, "</head>")
        return page

    def render_linked_js(self, js_files: Iterable[str]) -> str:
        """Hook: the HTML for scripts of UI modules (Tornado 4.5).

        :arg js_files: URLs; relative ones are of static files.
        """
        return "".join(
            f'<script src="{xhtml_escape(url)}" type="text/javascript"></script>'
            for url in self._ww_urls(js_files)
        )

    def render_embed_js(self, js_embed: Iterable[bytes]) -> bytes:
        """Hook: the HTML for scripts that UI modules embed (Tornado 4.5).

        :arg js_embed: the scripts.
        """
        return (
            b'<script type="text/javascript">\n//<![CDATA[\n'
            + b"\n".join(js_embed)
            + b"\n//]]>\n</script>"
        )

    def render_linked_css(self, css_files: Iterable[str]) -> str:
        """Hook: the HTML for style sheets of UI modules (Tornado 4.5).

        :arg css_files: URLs; relative ones are of static files.
        """
        return "".join(
            f'<link href="{xhtml_escape(url)}" type="text/css" rel="stylesheet"/>'
            for url in self._ww_urls(css_files)
        )

    def render_embed_css(self, css_embed: Iterable[bytes]) -> bytes:
        """Hook: the HTML for style sheets that UI modules embed (Tornado 4.5).

        :arg css_embed: the style sheets.
        """
        return b'<style type="text/css">\n' + b"\n".join(css_embed) + b"\n</style>"

    def _ww_urls(self, files: Iterable[str]) -> Iterable[str]:
        urls = (url if is_absolute(url) else self.static_url(url) for url in files)
        return dict.fromkeys(urls)

    def static_url(self, path: str, include_host: bool | None = None, **kwargs: Any) -> str:
        """The URL of a static file, with its version, so that browsers may keep it for ever.

        Needs the setting ``static_path``.

        :arg path: path of the file relative to ``static_path``.
        :arg include_host: whether it starts with protocol and host; by default what the attribute
            ``include_host`` of the handler says, or False.
        :arg kwargs: for `StaticFileHandler.make_static_url`.
        """
        from whirlwind.web.static import StaticFileHandler

        self.require_setting("static_path", "static_url")
        settings = self.settings
        handler = settings.get("static_handler_class", StaticFileHandler)
        if include_host is None:
            include_host = getattr(self, "include_host", False)
        request = self.request
        base = f"{request.protocol}://{request.host}" if include_host else ""
        return base + str(handler.make_static_url(settings, path, **kwargs))


def reset_template_loaders(application: "Application") -> None:
    """Have the templates of an application loaded anew, as ``compiled_template_cache=False`` asks.

    :arg application: the application.
    """
    for loader in list(RenderingMixin._template_loaders.get(application, {}).values()):
        loader.reset()


def _inserted(page: bytes, position: int, parts: list[bytes], tag: str) -> bytes:
    """A page with some HTML on lines of their own at a place."""
    if position < 0:
        raise ValueError(f"the page needs {tag}: what its UI modules need is put before it")
    return b"".join((page[:position], *(part + b"\n" for part in parts), page[position:]))


def _directory_of_caller() -> str:
    """The directory of the file whose function asks for a template."""
    frame = sys._getframe(1)
    while frame.f_back is not None and (
        frame.f_globals.get("__name__", "").startswith(_OURS)
        or frame.f_code.co_name.startswith("_tt_")
    ):
        frame = frame.f_back
    return os.path.dirname(frame.f_code.co_filename)
