using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using Adcp.Aot.Network;

namespace Adcp.Aot.Tests.Network;

public sealed class NameResolverTests : IDisposable
{
    private static readonly IPAddress[] Answer = [IPAddress.Parse("8.8.8.8")];

    private readonly ConcurrentDictionary<string, TaskCompletionSource<IPAddress[]>> _gates = new();
    private readonly SemaphoreSlim _asked = new(0);

    public void Dispose() => _asked.Dispose();

    [Fact]
    public async Task No_more_than_sixteen_names_are_looked_up_at_a_time()
    {
        NameResolver resolver = Gated();
        Task<IPAddress[]>[] all = [.. Enumerable.Range(0, 40).Select(i => resolver.ResolveAsync($"n{i}", CancellationToken.None))];
        await AskedAsync(NameResolver.MaxLookUps);
        Assert.Equal(NameResolver.MaxLookUps, _gates.Count);

        for (int answered = 0; answered < 40; answered++)
        {
            TaskCompletionSource<IPAddress[]> open = _gates.Values.First(static gate => !gate.Task.IsCompleted);
            open.SetResult(Answer);
            if (answered < 40 - NameResolver.MaxLookUps)
            {
                await AskedAsync(1);
            }

            Assert.True(_gates.Values.Count(static gate => !gate.Task.IsCompleted) <= NameResolver.MaxLookUps);
        }

        Assert.All(await Task.WhenAll(all), static addresses => Assert.Equal(Answer, addresses));
    }

    [Fact]
    public async Task Callers_of_one_name_share_a_look_up()
    {
        NameResolver resolver = Gated();
        Task<IPAddress[]>[] all = [.. Enumerable.Range(0, 100).Select(_ => resolver.ResolveAsync("name", CancellationToken.None))];

        await AskedAsync(1);
        _gates["name"].SetResult(Answer);
        await Task.WhenAll(all);

        Assert.Equal(0, _asked.CurrentCount);
    }

    [Fact]
    public async Task Look_up_that_blocks_takes_no_thread_of_the_pool()
    {
        using ManualResetEventSlim gate = new();
        ConcurrentQueue<bool> pooled = new();
        NameResolver resolver = new(
            (_, _) =>
            {
                pooled.Enqueue(Thread.CurrentThread.IsThreadPoolThread);
                _asked.Release();
                gate.Wait(CancellationToken.None);
                return Task.FromResult(Answer);
            },
            TimeSpan.Zero);
        Task<IPAddress[]>[] all = [.. Enumerable.Range(0, 40).Select(i => resolver.ResolveAsync($"n{i}", CancellationToken.None))];

        await AskedAsync(NameResolver.MaxLookUps);
        gate.Set();
        await Task.WhenAll(all);

        Assert.Equal(40, pooled.Count);
        Assert.DoesNotContain(true, pooled);
    }

    [Fact]
    public async Task Name_whose_callers_left_the_line_is_never_looked_up()
    {
        NameResolver resolver = Gated();
        Task<IPAddress[]>[] busy = [.. Enumerable.Range(0, NameResolver.MaxLookUps)
            .Select(i => resolver.ResolveAsync($"n{i}", CancellationToken.None))];
        await AskedAsync(NameResolver.MaxLookUps);
        using CancellationTokenSource left = new();
        Task<IPAddress[]> leaving = resolver.ResolveAsync("left", left.Token);
        Task<IPAddress[]> staying = resolver.ResolveAsync("stays", CancellationToken.None);

        await left.CancelAsync();
        Assert.Equal(SocketError.TryAgain, (await Assert.ThrowsAsync<SocketException>(() => leaving)).SocketErrorCode);
        _gates["n0"].SetResult(Answer);
        await AskedAsync(1);
        _gates["stays"].SetResult(Answer);
        await staying;
        foreach (TaskCompletionSource<IPAddress[]> gate in _gates.Values)
        {
            gate.TrySetResult(Answer);
        }

        await Task.WhenAll(busy);
        Assert.DoesNotContain("left", _gates.Keys);
    }

    [Fact]
    public async Task Look_up_without_an_answer_is_the_resolvers_fault_unless_other_names_are_answered_meanwhile()
    {
        NameResolver resolver = Gated();
        using CancellationTokenSource first = new();
        using CancellationTokenSource second = new();
        Task<IPAddress[]> alone = resolver.ResolveAsync("alone", first.Token);
        await AskedAsync(1);
        await first.CancelAsync();
        Assert.Equal(SocketError.TryAgain, (await Assert.ThrowsAsync<SocketException>(() => alone)).SocketErrorCode);

        Task<IPAddress[]> slow = resolver.ResolveAsync("slow", second.Token);
        Task<IPAddress[]> other = resolver.ResolveAsync("other", CancellationToken.None);
        await AskedAsync(2);
        _gates["other"].SetResult(Answer);
        await other;
        await second.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => slow);
    }

    [Fact]
    public async Task Look_ups_that_never_return_block_no_later_name()
    {
        NameResolver resolver = Gated();
        using CancellationTokenSource left = new();
        Task<IPAddress[]>[] hanging = [.. Enumerable.Range(0, NameResolver.MaxLookUps)
            .Select(i => resolver.ResolveAsync($"n{i}", left.Token))];
        await AskedAsync(NameResolver.MaxLookUps);
        Task<IPAddress[]> waiting = resolver.ResolveAsync("waiting", CancellationToken.None);

        await left.CancelAsync();
        await AskedAsync(1);
        _gates["waiting"].SetResult(Answer);

        Assert.Equal(Answer, await waiting);
        Assert.All(hanging, static task => Assert.True(task.IsFaulted || task.IsCanceled || !task.IsCompleted));
    }

    [Fact]
    public async Task Look_ups_that_never_return_are_bounded_in_number()
    {
        NameResolver resolver = Gated();
        const int All = NameResolver.MaxAbandoned + NameResolver.MaxLookUps;
        for (int begun = 0; begun < All; begun += NameResolver.MaxLookUps)
        {
            using CancellationTokenSource left = new();
            Task<IPAddress[]>[] hanging = [.. Enumerable.Range(begun, NameResolver.MaxLookUps)
                .Select(i => resolver.ResolveAsync($"n{i}", left.Token))];
            await AskedAsync(NameResolver.MaxLookUps);
            await left.CancelAsync();
            await Task.WhenAll(hanging).ContinueWith(static _ => { }, TaskScheduler.Default);
        }

        Task<IPAddress[]> late = resolver.ResolveAsync("late", CancellationToken.None);
        int whileAllHang = _gates.Count;
        _gates[$"n{All - 1}"].SetResult(Answer);
        await AskedAsync(1);
        _gates["late"].SetResult(Answer);

        Assert.Equal(All, whileAllHang);
        Assert.Equal(Answer, await late);
    }

    [Fact]
    public async Task Name_that_was_answered_before_does_not_wait_behind_slow_names()
    {
        NameResolver resolver = Gated();
        Task<IPAddress[]> before = resolver.ResolveAsync("known", CancellationToken.None);
        await AskedAsync(1);
        _gates["known"].SetResult(Answer);
        IPAddress[] first = await before;
        using CancellationTokenSource over = new();
        Task<IPAddress[]>[] slow = [.. Enumerable.Range(0, 10 * NameResolver.MaxLookUps)
            .Select(i => resolver.ResolveAsync($"slow{i}", over.Token))];
        await AskedAsync(NameResolver.MaxLookUps);

        Task<IPAddress[]> again = resolver.ResolveAsync("known", CancellationToken.None);
        bool answeredAtOnce = again.IsCompletedSuccessfully;
        Task<IPAddress[]> never = resolver.ResolveAsync("never-seen", over.Token);
        bool neverWaits = !never.IsCompleted;
        await over.CancelAsync();
        await Assert.ThrowsAnyAsync<Exception>(() => never);

        Assert.Equal((true, true), (answeredAtOnce, neverWaits));
        Assert.Equal(Answer, first);
        Assert.Equal(Answer, await again);
        Assert.All(slow, static task => Assert.False(task.IsCompletedSuccessfully));
    }

    [Fact]
    public async Task Name_is_looked_up_again_while_there_is_room_and_an_answer_of_absence_forgets_its_addresses()
    {
        bool isAbsent = false;
        NameResolver resolver = new(
            (host, cancellationToken) => host != "known" ? Task.Delay(Timeout.Infinite, cancellationToken).ContinueWith(
                static _ => Answer, CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default)
                : isAbsent ? throw new SocketException((int)SocketError.HostNotFound)
                : Task.FromResult(Answer),
            TimeSpan.Zero);
        await resolver.ResolveAsync("known", CancellationToken.None);

        isAbsent = true;
        await Assert.ThrowsAsync<DestinationRefusedException>(() => resolver.ResolveAsync("known", CancellationToken.None));

        using CancellationTokenSource over = new();
        Task<IPAddress[]>[] slow = [.. Enumerable.Range(0, NameResolver.MaxLookUps)
            .Select(i => resolver.ResolveAsync($"slow{i}", over.Token))];
        Task<IPAddress[]> forgotten = resolver.ResolveAsync("known", over.Token);
        bool waits = !forgotten.IsCompleted;
        await over.CancelAsync();
        await Assert.ThrowsAnyAsync<Exception>(() => Task.WhenAll([forgotten, .. slow]));

        Assert.True(waits);
    }

    [Fact]
    public async Task Slow_names_of_a_tenant_take_half_of_the_look_ups_and_leave_the_rest_to_others()
    {
        NameResolver resolver = Gated();
        using CancellationTokenSource over = new();
        List<Task> all = [];
        Ask("a", 100);
        Ask("b", 100);
        Ask("c", 100);
        Ask("d", 1);
        Ask("e", 1);
        await AskedAsync(NameResolver.MaxLookUps);

        int[] shares = [.. ((string[])["a", "b", "c", "d", "e"]).Select(
            tenant => _gates.Keys.Count(host => host.StartsWith(tenant, StringComparison.Ordinal)))];
        foreach (string host in _gates.Keys.Where(static host => host[0] == 'b').ToArray())
        {
            _gates[host].SetResult(Answer);
        }

        await AskedAsync(1);
        await over.CancelAsync();
        await Assert.ThrowsAnyAsync<Exception>(() => Task.WhenAll(all));

        Assert.Equal([8, 4, 2, 1, 1], shares);

        void Ask(string tenant, int names) =>
            all.AddRange(Enumerable.Range(0, names).Select(i => resolver.ResolveAsync($"{tenant}{i}", tenant, over.Token)));
    }

    [Fact]
    public async Task Name_in_line_behind_a_tenants_slow_names_is_looked_up_when_another_tenant_asks_for_it()
    {
        NameResolver resolver = Gated();
        using CancellationTokenSource over = new();
        List<Task> slow = [.. Enumerable.Range(0, 100).Select(i => resolver.ResolveAsync($"slow{i}", "attacker", over.Token))];
        slow.Add(resolver.ResolveAsync("victim", "attacker", over.Token));
        await AskedAsync(8);

        Task<IPAddress[]> victim = resolver.ResolveAsync("victim", "other", CancellationToken.None);
        await AskedAsync(1);
        _gates["victim"].SetResult(Answer);

        Assert.Equal(Answer, await victim);
        await over.CancelAsync();
        await Assert.ThrowsAnyAsync<Exception>(() => Task.WhenAll(slow));
    }

    [Fact]
    public async Task Names_of_a_tenant_are_bounded_and_those_of_others_are_not_refused_for_them()
    {
        NameResolver resolver = Gated();
        using CancellationTokenSource over = new();
        List<Task> slow = [.. Enumerable.Range(0, 1024).Select(i => resolver.ResolveAsync($"slow{i}", "attacker", over.Token))];

        SocketException refused =
            await Assert.ThrowsAsync<SocketException>(() => resolver.ResolveAsync("one-more", "attacker", over.Token));
        Task<IPAddress[]> other = resolver.ResolveAsync("other", "other", CancellationToken.None);
        await AskedAsync(9);
        _gates["other"].SetResult(Answer);

        Assert.Equal(SocketError.TryAgain, refused.SocketErrorCode);
        Assert.Equal(Answer, await other);
        await over.CancelAsync();
        await Assert.ThrowsAnyAsync<Exception>(() => Task.WhenAll(slow));
        Task<IPAddress[]> again = resolver.ResolveAsync("again", "attacker", CancellationToken.None);
        await AskedAsync(1);
        _gates["again"].SetResult(Answer);
        Assert.Equal(Answer, await again);
    }

    [Theory]
    [InlineData(SocketError.HostNotFound, true)]
    [InlineData(SocketError.NoData, true)]
    [InlineData(SocketError.TryAgain, false)]
    [InlineData(SocketError.NoRecovery, false)]
    [InlineData(SocketError.TooManyOpenSockets, false)]
    public async Task Name_without_address_is_told_from_a_resolver_that_fails(SocketError error, bool absent)
    {
        NameResolver resolver = new((_, _) => throw new SocketException((int)error), TimeSpan.Zero);

        Exception fault = await Assert.ThrowsAnyAsync<Exception>(() => resolver.ResolveAsync("name", CancellationToken.None));

        Assert.Equal(absent, fault is DestinationRefusedException);
        Assert.Equal(absent, fault is not SocketException { SocketErrorCode: SocketError.TryAgain });
    }

    [Fact]
    public async Task Resolver_that_throws_or_answers_null_is_contained()
    {
        NameResolver throwing = new((_, _) => throw new InvalidOperationException(), TimeSpan.Zero);
        NameResolver empty = new((_, _) => Task.FromResult<IPAddress[]>(null!), TimeSpan.Zero);

        await Assert.ThrowsAsync<SocketException>(() => throwing.ResolveAsync("name", CancellationToken.None));
        Assert.Empty(await empty.ResolveAsync("name", CancellationToken.None));
    }

    [Fact]
    public async Task Name_that_does_not_exist_is_not_asked_for_again_at_once()
    {
        int asked = 0;
        NameResolver resolver = new(
            (_, _) =>
            {
                asked++;
                throw new SocketException((int)SocketError.HostNotFound);
            },
            TimeSpan.FromHours(1));

        await Assert.ThrowsAsync<DestinationRefusedException>(() => resolver.ResolveAsync("name", CancellationToken.None));
        await Assert.ThrowsAsync<DestinationRefusedException>(() => resolver.ResolveAsync("name", CancellationToken.None));

        Assert.Equal(1, asked);
    }

    [Fact]
    public async Task Answers_are_written_as_the_addresses_that_a_socket_connects_to()
    {
        NameResolver resolver = new(
            (_, _) => Task.FromResult(new[] { IPAddress.Parse("::ffff:8.8.8.8"), IPAddress.Parse("fd00:ec2::254%3") }), TimeSpan.Zero);

        IPAddress[] addresses = await resolver.ResolveAsync("name", CancellationToken.None);

        Assert.Equal([IPAddress.Parse("8.8.8.8"), IPAddress.Parse("fd00:ec2::254")], addresses);
    }

    [Fact]
    public async Task System_resolver_knows_this_machine()
    {
        IPAddress[] addresses = await NameResolver.System.ResolveAsync("localhost", CancellationToken.None);

        Assert.All(addresses, static address => Assert.True(IPAddress.IsLoopback(address)));
    }

    private NameResolver Gated() => new(
        (host, _) =>
        {
            TaskCompletionSource<IPAddress[]> gate = new(TaskCreationOptions.RunContinuationsAsynchronously);
            _gates[host] = gate;
            _asked.Release();
            return gate.Task;
        },
        TimeSpan.Zero);

    private async Task AskedAsync(int names)
    {
        for (int i = 0; i < names; i++)
        {
            await _asked.WaitAsync();
        }
    }
}
