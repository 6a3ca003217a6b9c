"""A page for bench/applications.py: who moves the slider is told what twice that is."""

from bokeh.io import curdoc
from bokeh.models import Div, Slider

slider = Slider(start=0, end=1000000, value=1, name="slider")
twice = Div(text="2", name="twice")
slider.on_change("value", lambda attr, old, new: setattr(twice, "text", str(2 * new)))
curdoc().add_root(slider)
curdoc().add_root(twice)
