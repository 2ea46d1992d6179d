namespace Adcp.Aot.AspNetCore.Tests.Serving;

public sealed class CompletedInvocationsTests
{
    private readonly CompletedInvocations _invocations = new();

    [Fact]
    public void A_task_is_its_tenants_own()
    {
        _invocations.Add("a", "t", new byte[] { 1 });

        Assert.Equal(1, _invocations.Find("a", "t")!.Value.Span[0]);
        Assert.Null(_invocations.Find("b", "t"));
        Assert.Null(_invocations.Find("a", "u"));
    }

    [Fact]
    public void A_tenant_that_has_too_many_loses_its_own_oldest()
    {
        _invocations.Add("quiet", "t", new byte[100]);
        for (int i = 0; i < 5; i++)
        {
            _invocations.Add("busy", $"t{i}", new byte[CompletedInvocations.MaxBytesPerTenant / 3]);
        }

        Assert.Null(_invocations.Find("busy", "t2"));
        Assert.NotNull(_invocations.Find("busy", "t3"));
        Assert.NotNull(_invocations.Find("busy", "t4"));
        Assert.NotNull(_invocations.Find("quiet", "t"));
    }

    [Fact]
    public void All_tenants_have_a_bound_together()
    {
        byte[] task = new byte[CompletedInvocations.MaxBytesPerTenant - 1_000];
        int tenants = (CompletedInvocations.MaxBytes / CompletedInvocations.MaxBytesPerTenant) + 4;
        _invocations.Add("quiet", "t", new byte[100]);
        for (int i = 0; i < tenants; i++)
        {
            _invocations.Add($"{i}", "t", task);
        }

        Assert.Equal(CompletedInvocations.MaxBytes / CompletedInvocations.MaxBytesPerTenant,
            Enumerable.Range(0, tenants).Count(i => _invocations.Find($"{i}", "t") is not null));
        Assert.NotNull(_invocations.Find("quiet", "t"));
    }

    [Fact]
    public void A_task_that_is_too_large_is_not_kept()
    {
        _invocations.Add("a", "t", new byte[CompletedInvocations.MaxBytesPerTenant]);

        Assert.Null(_invocations.Find("a", "t"));
    }
}
