"""What goes into a call and what comes out of it: its arguments, checked, and its reply as the declared type.

In: `request` (files too), `parameters`, `formats` (responseFormat). Types: `types` is their tree, `ddl`, `type_names`,
`json_types` and `labels` make it of text. Out: `read` mends a reply, `conform` and `scalars` make it fit the type.
`shape` is what a call's constant arguments decide, `wording` how errors show what is wrong.
"""
