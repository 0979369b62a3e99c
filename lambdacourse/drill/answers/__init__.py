"""The functions that compute the numeric answers, one module a topic, so that a question's is imported when it is asked.

``answer = "concurrency.needed"`` in the bank is ``needed`` in ``concurrency.py``. A function takes the question's parameters by name
and gives one number, in the question's unit. It asks the facts, the model, ``pricing``, ``network`` or ``simulate``; it never holds a
number about AWS itself. ``tests/drill/second_ways*.py`` solves the same question in another way.
"""
