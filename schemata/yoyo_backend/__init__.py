"""Yoyo's own command line on our lock, our applying and our history: its backend `schemata+postgresql://`.

Found by yoyo through the entry point group `yoyo.backends`; the engine itself never imports it.
"""
