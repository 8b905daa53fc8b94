"""One query, one feedback: joins the selection layer to the abstraction layer, whatever carried the request here.

Reading order: `query` (the record of one query), `application` (what happens to it), `deadlines`, `journal`,
`feedback`, `states`, `engine` (keeps all of it true to the registry).
"""
