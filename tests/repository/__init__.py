"""The project as others meet it: its wheel, its pages, its example app, and what scanners say of its templates."""
