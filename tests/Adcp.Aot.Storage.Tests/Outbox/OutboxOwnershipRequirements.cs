using System.Reflection;

namespace Adcp.Aot.Storage.Tests.Outbox;

/// <summary>Ownership and settlements: each requirement that users of outboxes have, and the test that shows it.</summary>
public sealed class OutboxOwnershipRequirements
{
    public static TheoryData<string, Type, string> All => new()
    {
        {
            "A settlement of a former owner changes nothing", typeof(OutboxStoreContract),
            nameof(OutboxStoreContract.Settlement_of_a_worker_that_is_gone_changes_nothing)
        },
        {
            "A worker that was declared dead settles, takes and marks nothing", typeof(OutboxStoreContract),
            nameof(OutboxStoreContract.Worker_that_is_gone_takes_no_lane)
        },
        {
            "A mark before a trial obeys the fence", typeof(OutboxStoreContract),
            nameof(OutboxStoreContract.Mark_of_a_worker_that_is_gone_is_not_made)
        },
        {
            "A settlement without the fence is found", typeof(PostgreSqlOutboxStoreTests),
            nameof(PostgreSqlOutboxStoreTests.Settlement_without_the_fence_is_found_to_change_rows_of_another_owner)
        },
        {
            "A takeover waits for a settlement that is under way", typeof(PostgreSqlOutboxStoreTests),
            nameof(PostgreSqlOutboxStoreTests.Burial_waits_for_an_open_settlement_and_what_it_changed_stays)
        },
        {
            "Ownership ends by a missed renewal, and a late renewal before the burial saves it", typeof(OutboxStoreContract),
            nameof(OutboxStoreContract.Worker_that_renews_late_but_before_its_burial_is_alive)
        },
        {
            "A lease that ends cancels attempts, and another owner sends the same key", typeof(OutboxWorkerTests),
            nameof(OutboxWorkerTests.A_worker_that_loses_its_lease_stops_sending_and_another_takes_over)
        },
        {
            "A killed process is noticed by its lock file", typeof(SqliteOutboxProcessTests),
            nameof(SqliteOutboxProcessTests.Killed_process_is_buried_at_once_although_its_lease_goes_on)
        },
        {
            "Each lane has one owner however many take at once", typeof(OutboxStoreContract),
            nameof(OutboxStoreContract.Workers_that_take_at_the_same_time_share_the_lanes)
        },
        {
            "A settlement says for each row if it was made", typeof(OutboxStoreContract),
            nameof(OutboxStoreContract.Settlement_that_is_made_again_after_its_answer_was_lost_changes_nothing_more)
        },
        {
            "A settlement whose answer is lost repeats no attempt", typeof(OutboxWorkerTests),
            nameof(OutboxWorkerTests.A_settlement_whose_answer_is_lost_repeats_no_attempt)
        },
        {
            "A webhook that kills its process three times is quarantined", typeof(OutboxQuarantineTests),
            nameof(OutboxQuarantineTests.Webhook_that_kills_three_processes_is_a_dead_letter_and_all_others_are_delivered)
        },
        {
            "Deaths by chance quarantine nothing", typeof(OutboxQuarantineTests),
            nameof(OutboxQuarantineTests.Deaths_that_no_webhook_caused_put_nothing_into_quarantine)
        },
        {
            "A stop waits, commits and gives the lanes back, so that nothing is repeated", typeof(OutboxWorkerTests),
            nameof(OutboxWorkerTests.A_stop_waits_for_attempts_commits_them_and_gives_the_lanes_back)
        },
        {
            "Lanes without a living owner are counted by every process", typeof(OutboxStoreContract),
            nameof(OutboxStoreContract.Counts_say_how_much_waits_and_who_works)
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
