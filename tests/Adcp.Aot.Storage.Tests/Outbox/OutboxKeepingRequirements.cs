using System.Reflection;

namespace Adcp.Aot.Storage.Tests.Outbox;

/// <summary>Dead letters, secrets and retention: each requirement that users of outboxes have, and the test that shows it.</summary>
public sealed class OutboxKeepingRequirements
{
    public static TheoryData<string, Type, string> All => new()
    {
        {
            "A webhook that ends is kept whole with its reason", typeof(OutboxStoreContract),
            nameof(OutboxStoreContract.Dead_row_is_kept_whole_with_its_reason)
        },
        {
            "One damaged row stops no other", typeof(OutboxEndToEndContract),
            nameof(OutboxEndToEndContract.One_row_that_was_tampered_with_is_a_dead_letter_and_all_others_are_delivered)
        },
        {
            "An unknown encryption key pauses its rows only", typeof(OutboxWorkerTests),
            nameof(OutboxWorkerTests.A_row_under_an_unknown_key_waits_until_the_key_is_there)
        },
        {
            "A redriven row keeps key, bytes, attempts and horizon", typeof(OutboxStoreContract),
            nameof(OutboxStoreContract.Redriven_row_is_new_in_the_log_with_its_attempts_and_horizon)
        },
        {
            "A redriven row that dies again is a dead letter again", typeof(OutboxEndToEndContract),
            nameof(OutboxEndToEndContract.A_row_that_is_redriven_and_dies_twice_is_a_dead_letter_twice_and_one_run_redrives_it_once)
        },
        {
            "Two redrives never move one row twice", typeof(OutboxStoreContract),
            nameof(OutboxStoreContract.Dead_letter_that_is_redriven_at_the_same_time_is_moved_once)
        },
        {
            "A new emission has a new key and the same notification id", typeof(OutboxEndToEndContract),
            nameof(OutboxEndToEndContract.After_the_horizon_only_a_notification_is_emitted_again_and_only_under_a_new_key)
        },
        { "A redrive keeps its rate", typeof(OutboxRedriveTests), nameof(OutboxRedriveTests.Rate_of_a_redrive_is_kept) },
        {
            "A purge deletes in small batches, and nothing before its time", typeof(OutboxStoreContract),
            nameof(OutboxStoreContract.Purge_deletes_dead_letters_after_thirty_days_in_batches_and_nothing_that_waits)
        },
        {
            "No secret is readable in the tables", typeof(OutboxEndToEndContract),
            nameof(OutboxEndToEndContract.Nothing_secret_is_readable_in_the_tables)
        },
        {
            "A newer schema is refused by name", typeof(OutboxStoreContract),
            nameof(OutboxStoreContract.Schema_that_is_newer_than_this_program_is_refused)
        },
        {
            "A full disk loses nothing that was accepted", typeof(SqliteOutboxWritingTests),
            nameof(SqliteOutboxWritingTests.Full_disk_refuses_rows_keeps_all_that_was_accepted_and_still_settles)
        },
    };

    [Theory]
    [MemberData(nameof(All))]
    public void Requirement_has_a_test(string requirement, Type tests, string name)
    {
        MethodInfo method = Assert.Single(tests.GetMethods(), method => method.Name == name);

        Assert.True(method.GetCustomAttributes<FactAttribute>(inherit: true).Any(), requirement);
    }
}
