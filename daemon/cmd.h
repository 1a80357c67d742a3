/* cmd.h - the functions behind doorstepd's subcommands, one file a group (cmd_*.c);
 * main.c holds the table. Each returns the exit code. Shell.
 */
#ifndef DAEMON_CMD_H
#define DAEMON_CMD_H

#include "common/command.h"

extern const struct option_row CMD_NO_OPTIONS[], CMD_AS_OPTIONS[], CMD_INIT_OPTIONS[], CMD_SERVE_OPTIONS[],
	CMD_USER_ADD_OPTIONS[], CMD_IMPORT_OPTIONS[], CMD_PATIENTS_OPTIONS[], CMD_PATIENT_ADD_OPTIONS[],
	CMD_PATIENT_CLOSE_OPTIONS[], CMD_ASSIGN_OPTIONS[], CMD_UNASSIGN_OPTIONS[], CMD_DEVICE_CODE_OPTIONS[],
	CMD_VISIT_PLAN_OPTIONS[], CMD_VISIT_MOVE_OPTIONS[],
	CMD_VISIT_CANCEL_OPTIONS[], CMD_VISIT_LIST_OPTIONS[], CMD_PATIENT_REOPEN_OPTIONS[], CMD_RESTORE_OPTIONS[],
	CMD_REFILE_OPTIONS[], CMD_CONFLICTS_OPTIONS[], CMD_DECIDE_OPTIONS[],
	CMD_REVIEW_OPTIONS[], CMD_REVIEWS_OPTIONS[], CMD_WITHDRAW_OPTIONS[], CMD_ALLOW_OPTIONS[];

int cmd_init(const struct command_line *line);
int cmd_serve(const struct command_line *line);
int cmd_user_add(const struct command_line *line);
int cmd_user_list(const struct command_line *line);
int cmd_user_disable(const struct command_line *line);
int cmd_user_enable(const struct command_line *line);
int cmd_import(const struct command_line *line);
int cmd_patients(const struct command_line *line);
int cmd_patient_add(const struct command_line *line);
int cmd_patient_close(const struct command_line *line);
int cmd_patient_reopen(const struct command_line *line);
int cmd_patient_link(const struct command_line *line);
int cmd_patient_unlink(const struct command_line *line);
int cmd_assign(const struct command_line *line);
int cmd_unassign(const struct command_line *line);
int cmd_device_code(const struct command_line *line);
int cmd_device_list(const struct command_line *line);
int cmd_device_revoke(const struct command_line *line);
int cmd_device_allow(const struct command_line *line);
int cmd_visit_plan(const struct command_line *line);
int cmd_visit_move(const struct command_line *line);
int cmd_visit_cancel(const struct command_line *line);
int cmd_visit_list(const struct command_line *line);
int cmd_refile(const struct command_line *line);
int cmd_restore_value(const struct command_line *line);
int cmd_show(const struct command_line *line);
int cmd_history(const struct command_line *line);
int cmd_conflicts(const struct command_line *line);
int cmd_decide(const struct command_line *line);
int cmd_review(const struct command_line *line);
int cmd_reviews(const struct command_line *line);
int cmd_held(const struct command_line *line);
int cmd_held_accept(const struct command_line *line);
int cmd_held_return(const struct command_line *line);
int cmd_verify(const struct command_line *line);

#endif
