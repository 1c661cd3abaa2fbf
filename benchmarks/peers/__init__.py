"""Other libraries, each in a file of its name: `NAME(task: Task) -> Peer`, set up as its documentation recommends.

They are optional: `pip install 'trifuse[bench]'`, or any folder of them on PYTHONPATH. A row of a library that is not
there is left out, with a line that says so.
"""
