/* Narrative as people write it: sentences with words of ghosts, and one of words that are nobody's, which all put otherwise. */
#include <stdio.h>
#include <string.h>

#include "tests/sim/work_inside.h"

#define TEXT_SIZE (WORK_TEXT_FULL + 256) /* of a text that another word is put into */

/* --- a plain sentence ----------------------------------------------------------------------------------- */

/* Every word of a ghost holds a number, and where a sentence holds one its two versions are never merged (common/text.h, rule 5).
 * So what merging does with words that stand next to each other shows in a sentence without. No word is careful, and none has
 * two places, so that words are compared place by place. */
static const char *const PLAIN[WORK_PLAIN_WORDS][WORK_PLAIN_CHOICES] = {
	{ "Mother", "Father", "Grandmother", "Auntie" },
	{ "ate", "enjoyed", "shared", "finished" },
	{ "supper", "lunch", "breakfast", "porridge" },
	{ "gladly", "slowly", "alone", "quietly" },
};

/* Which of the words of a place the text begins with. WORK_PLAIN_CHOICES: none. */
static unsigned choice_of(const char *const *words, const char *text, char behind)
{
	unsigned i = 0;

	while (i < WORK_PLAIN_CHOICES && (strncmp(text, words[i], strlen(words[i])) != 0 || text[strlen(words[i])] != behind))
		i++;
	return i;
}

bool work_plain(const char *text, unsigned choices_out[WORK_PLAIN_WORDS], size_t *len_out)
{
	size_t len = 0;

	for (size_t i = 0; i < WORK_PLAIN_WORDS; i++) {
		choices_out[i] = choice_of(PLAIN[i], text + len, i + 1 < WORK_PLAIN_WORDS ? ' ' : '.');
		if (choices_out[i] == WORK_PLAIN_CHOICES)
			return false;
		len += strlen(PLAIN[i][choices_out[i]]) + 1;
	}
	*len_out = len;
	return true;
}

static void write_plain(const unsigned choices[WORK_PLAIN_WORDS], const char *rest, char text_out[TEXT_SIZE])
{
	(void)snprintf(text_out, TEXT_SIZE, "%s %s %s %s.%s", PLAIN[0][choices[0]], PLAIN[1][choices[1]], PLAIN[2][choices[2]],
		       PLAIN[3][choices[3]], rest);
}

/* The text, half of the time with a word of its plain sentence, or two next to each other, put otherwise. */
static void put_otherwise(struct dice *dice, const char *text, char text_out[TEXT_SIZE])
{
	const bool changes = dice_one_in(dice, 2), two = dice_one_in(dice, 3);
	const size_t from = (size_t)dice_below(dice, WORK_PLAIN_WORDS);
	unsigned choices[WORK_PLAIN_WORDS];
	size_t len = 0;

	if (!changes || (text[0] != '\0' && !work_plain(text, choices, &len))) {
		(void)snprintf(text_out, TEXT_SIZE, "%s", text);
		return;
	}
	if (text[0] == '\0')
		memset(choices, 0, sizeof choices);
	for (size_t i = from; i < from + 1 + two && i < WORK_PLAIN_WORDS && text[0] != '\0'; i++)
		choices[i] = (choices[i] + 1 + (unsigned)dice_below(dice, WORK_PLAIN_CHOICES - 1)) % WORK_PLAIN_CHOICES;
	write_plain(choices, text + len, text_out);
}

/* --- a ghost's word ----------------------------------------------------------------------------------------- */

/* Where a sentence begins that others wrote: behind the n-th blank before "Saw". */
static size_t between(const char *text, uint64_t n)
{
	const char *at = text;

	for (uint64_t i = 0; i <= n; i++) {
		const char *next = strstr(at, " Saw ");

		if (next == NULL)
			break;
		at = next + 1;
	}
	return (size_t)(at - text);
}

bool work_append(struct dice *dice, const char *before, const char *word, char text_out[WORK_TEXT_SIZE])
{
	const uint64_t which = dice_below(dice, 4), how = dice_below(dice, 10);
	char text[TEXT_SIZE];
	size_t len, at;

	if (strlen(before) > WORK_TEXT_FULL)
		return false;
	put_otherwise(dice, before, text);
	len = strlen(text);
	at = between(text, which);
	if (len == 0 || how < 3)
		(void)snprintf(text_out, WORK_TEXT_SIZE, "%s%sSaw %s", text, len == 0 ? "" : " ", word);
	else if (how < 5)
		(void)snprintf(text_out, WORK_TEXT_SIZE, "%s\nSaw %s", text, word);
	else if (how < 7 && at > 0)
		(void)snprintf(text_out, WORK_TEXT_SIZE, "%.*sSaw %s %s", (int)at, text, word, text + at);
	else if (how == 8 && strncmp(text + at, "Saw ", 4) == 0)
		(void)snprintf(text_out, WORK_TEXT_SIZE, "%.*sMet %s Saw %s", (int)at, text, text + at + 4, word);
	else if (how == 9 && strncmp(text + at, "Saw ", 4) == 0)
		(void)snprintf(text_out, WORK_TEXT_SIZE, "%.*sSaw also %s Saw %s", (int)at, text, text + at + 4, word);
	else
		(void)snprintf(text_out, WORK_TEXT_SIZE, "%s and %s", text, word);
	return true;
}
