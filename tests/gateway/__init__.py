"""Following stores over real HTTP: streams, find-to-pos, acknowledgements, and what happens when messages get lost."""
