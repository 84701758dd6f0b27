-- What the task functions say to the model. One place, plain text, with a version each: a changed prompt asks its
-- questions anew. Read one with ai_prompt('ai_classify'), all with FROM ai_prompts().
-- %s stands for the arguments, in their order, the text itself always last, so that endpoints can reuse the beginning.

-- name: __ai_prompts
CREATE OR REPLACE TEMP MACRO __ai_prompts() AS MAP {
    'ai_analyze_sentiment': {version: 1, prompt:
'What is the sentiment of the text between the <text> tags: positive, negative, neutral or mixed? Judge what the author feels, not how good the news is. Take mixed only if positive and negative both carry weight.
Answer with JSON only: {"sentiment": "..."}

<text>
%s
</text>'},
    'ai_classify': {version: 1, prompt:
'Sort the text between the <text> tags under %s of the labels below, given as JSON; where a label has a description, the description decides what it means. Spell labels exactly as given and take no others.
Answer with JSON only: {"labels": ["..."]}
Labels: %s
%s
<text>
%s
</text>'},
    'ai_extract': {version: 1, prompt:
'Extract the fields below from the text between the <text> tags. Take what the text says and nothing else; a field that the text does not give is null.
Answer with JSON only: one object with these fields.
Fields: %s
%s
<text>
%s
</text>'},
    'ai_filter': {version: 1, prompt:
'Does this condition hold for the text between the <text> tags? Where the text does not tell, it does not hold.
Answer with JSON only: {"holds": true} or {"holds": false}
Condition: %s

<text>
%s
</text>'},
    'ai_fix_grammar': {version: 1, prompt:
'Correct grammar, spelling and punctuation of the text between the <text> tags. Keep its language, meaning, tone and layout; change nothing that is right already.
Answer with the corrected text only.

<text>
%s
</text>'},
    'ai_mask': {version: 1, prompt:
'In the text between the <text> tags, replace every mention of the kinds of information below by [MASKED]. Leave every other character as it is.
Answer with the resulting text only.
Kinds of information: %s

<text>
%s
</text>'},
    'ai_similarity': {version: 1, prompt:
'How similar in meaning are the texts between the <first> and <second> tags? 0 is unrelated, 1 is the same meaning; wording and length do not count.
Answer with JSON only: {"similarity": 0.0}

<first>
%s
</first>
<second>
%s
</second>'},
    'ai_summarize': {version: 1, prompt:
'Summarize the text between the <text> tags in its own language%s. Keep what matters most, add nothing.
Answer with the summary only.

<text>
%s
</text>'},
    'ai_translate': {version: 1, prompt:
'Translate the text between the <text> tags into %s (a language name or code). Keep its meaning, tone and layout.
Answer with the translation only.

<text>
%s
</text>'},
    'ai_agg': {version: 1, prompt:
'Follow the instruction for all the entries between the <entries> tags together.
Answer with the result only.
Instruction: %s

<entries>
%s
</entries>'},
    'ai_agg_part': {version: 1, prompt:
'The entries between the <entries> tags are one part of many. Note from them, briefly, everything that is needed to follow the instruction later for all parts together; keep counts, names and figures.
Answer with the notes only.
Instruction: %s

<entries>
%s
</entries>'}
};

-- name: ai_prompt
CREATE OR REPLACE TEMP MACRO ai_prompt(task) AS __ai_prompts()[task].prompt;

-- name: ai_prompts
CREATE OR REPLACE TEMP MACRO ai_prompts() AS TABLE
    SELECT entry.key AS task, entry.value.version, entry.value.prompt
    FROM (SELECT unnest(map_entries(__ai_prompts())) AS entry);
