"""hanging: never comes out of its import

Ends: timed out
"""

while True:
    pass
