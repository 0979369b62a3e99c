"""Stands for a library: it loads some hundred modules of Python's own."""

import asyncio
import email.mime.text
import http.server
import sqlite3
import unittest.mock
import xml.dom.minidom

NAME = ", ".join(module.__name__ for module in (asyncio, email, http, sqlite3, unittest, xml))
