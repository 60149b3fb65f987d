"""The nouns of the city twin and the pure functions between them.

Data flows one way: city + forcing -> hazards -> exposure -> plan -> platform. `twin.readers` is the
door in, `twin.bridge` the door out; nothing else here touches a file format.
"""
