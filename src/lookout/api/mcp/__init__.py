"""The Model Context Protocol at `/mcp`: what an agent needs to triage, over the same reads and actions as REST.

mount.py      the ASGI application: who may in, and the SDK, loaded when it is first asked for
server.py     the SDK's server: tools, resources and a prompt by name
tools.py      the table of tools
arguments.py  what the tools take
reading.py    the tools that read
answers.py    what the tools answer; what others wrote stands under `untrusted`
telling.py    the values of the core as those answers
triage.py     the prompt
"""
